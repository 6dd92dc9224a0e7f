import { SegmentedControl } from '@mantine/core';
import { useLocale, useT } from './locale';

/** Each language is named in itself, so that whoever cannot read the other finds it. */
export function LocaleSwitch() {
  const { locale, choose } = useLocale();
  const t = useT();
  return (
    <SegmentedControl
      size="xs"
      aria-label={t('app.language')}
      value={locale}
      onChange={value => choose(value === 'zh' ? 'zh' : 'en')}
      data={[
        { value: 'en', label: 'EN' },
        { value: 'zh', label: '中文' },
      ]}
    />
  );
}
