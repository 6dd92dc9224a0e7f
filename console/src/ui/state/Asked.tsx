import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Problem } from '../../api/problem';
import { Loading } from './Loading';
import { ProblemView } from './ProblemView';

/** A question's answer, or its state: loading, failed, or old data with the reason why it is old. */
export function Asked<T>({
  query,
  rows,
  children,
}: {
  query: UseQueryResult<T>;
  rows?: number;
  children: (data: T) => ReactNode;
}) {
  const failed = query.error ? <ProblemView problem={Problem.of(query.error)} again={() => query.refetch()} /> : null;
  if (query.data === undefined) return failed ?? <Loading rows={rows} />;
  return (
    <>
      {failed}
      {children(query.data)}
    </>
  );
}
