import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, lazy, type ReactNode, Suspense, useContext, useEffect, useMemo } from 'react';
import { api, ask, onExpired, type Schemas } from '../api/client';
import { Problem } from '../api/problem';
import { ProblemView } from '../ui/state/ProblemView';

type Whoami = Schemas['Whoami'];

const SignIn = lazy(() => import('./SignIn').then(module => ({ default: module.SignIn })));

const Session = createContext<{ who: Whoami; signOut: () => Promise<void> } | null>(null);

/** Asks who is there. Nobody: the sign-in page, at whatever address, so that a link still leads where it should. */
export function SessionProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const who = useQuery({
    queryKey: ['whoami'],
    queryFn: () => ask(api.GET('/api/v1/whoami')).catch(nobody),
    staleTime: 60_000,
    retry: false,
  });

  useEffect(() => onExpired(() => client.setQueryData(['whoami'], null)), [client]);

  const value = useMemo(() => {
    if (!who.data) return null;
    const signOut = async () => {
      await ask(api.DELETE('/api/v1/sessions/current')).catch(() => {});
      client.setQueryData(['whoami'], null);
      // Nothing that was read for one person is there for the next.
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'whoami' });
    };
    return { who: who.data, signOut };
  }, [who.data, client]);

  if (who.isPending) return null;
  if (who.error && !who.data) return <ProblemView problem={Problem.of(who.error)} again={() => who.refetch()} whole />;
  if (!value) {
    return (
      <Suspense>
        <SignIn done={() => client.invalidateQueries({ queryKey: ['whoami'] })} />
      </Suspense>
    );
  }
  return <Session value={value}>{children}</Session>;
}

export function useSession() {
  const session = useContext(Session);
  if (!session) throw new Error('there is no session here');
  return session;
}

function nobody(thrown: unknown): null {
  if (Problem.of(thrown).status === 401) return null;
  throw thrown;
}
