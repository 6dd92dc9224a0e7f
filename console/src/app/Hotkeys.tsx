import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { isTyping } from './keys';
import { places } from './places';

const Palette = lazy(() => import('./Palette').then(module => ({ default: module.Palette })));
const Help = lazy(() => import('./Help').then(module => ({ default: module.Help })));

/** How long `g` waits for its letter, in milliseconds. */
const goWithin = 1500;

/** Ctrl K finds, `g` and a letter goes, `?` lists the keys. */
export function Hotkeys() {
  const navigate = useNavigate();
  const [shown, setShown] = useState<'palette' | 'help'>();
  const went = useRef(0);

  useEffect(() => {
    const palette = () => setShown('palette');
    const key = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
        event.preventDefault();
        setShown('palette');
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.key === '?') {
        setShown('help');
      } else if (event.key === 'g') {
        went.current = event.timeStamp;
      } else if (event.timeStamp - went.current < goWithin) {
        went.current = 0;
        const place = places.find(({ letter }) => letter === event.key);
        if (place) navigate({ to: place.to });
      }
    };
    addEventListener('keydown', key);
    addEventListener('dataux:palette', palette);
    return () => {
      removeEventListener('keydown', key);
      removeEventListener('dataux:palette', palette);
    };
  }, [navigate]);

  const close = () => setShown(undefined);
  return (
    <Suspense>
      {shown === 'palette' && <Palette close={close} />}
      {shown === 'help' && <Help close={close} />}
    </Suspense>
  );
}
