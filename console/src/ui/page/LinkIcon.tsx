import { ActionIcon, type ActionIconProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { AnchorHTMLAttributes, Ref } from 'react';

type Props = ActionIconProps &
  Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof ActionIconProps> & { ref?: Ref<HTMLAnchorElement> };

function Anchor(props: Props) {
  return <ActionIcon component="a" {...props} />;
}

/** A link that is an icon; give it an `aria-label`. */
export const LinkIcon = createLink(Anchor);
