import { Problem } from '../api/problem';
import { ProblemView } from '../ui/state/ProblemView';

/** A page that failed to load or to draw. */
export function ProblemRoute({ error }: { error: unknown }) {
  return <ProblemView problem={Problem.of(error)} again={() => location.reload()} whole />;
}
