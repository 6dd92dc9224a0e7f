import { Skeleton } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useT } from '../../app/locale';
import classes from './Loading.module.css';

/** What is quick shows nothing in between, in milliseconds. */
const patience = 200;

export function Loading({ rows = 5 }: { rows?: number }) {
  const t = useT();
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), patience);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className={classes.rows} role="status" aria-label={t('ui.loading')}>
      {late &&
        Array.from({ length: rows }, (_, index) => <Skeleton key={index} height={18} width={`${92 - ((index * 17) % 40)}%`} />)}
    </div>
  );
}
