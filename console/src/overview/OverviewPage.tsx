import { useQuery } from '@tanstack/react-query';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { useSession } from '../app/session';
import { Page } from '../ui/page/Page';
import { Counts } from './Counts';
import { FirstSteps } from './FirstSteps';
import { Needs } from './Needs';
import classes from './OverviewPage.module.css';
import { Recent } from './Recent';

/** Runs looked at for what is late or wrong. */
const runsMax = 200;

export function OverviewPage() {
  const t = useT();
  const { who } = useSession();
  const runs = useQuery(questions.runs({ limit: runsMax }));
  const pipelines = useQuery(questions.resources('Pipeline'));
  const quarantine = useQuery(questions.quarantine);
  const empty = pipelines.data?.items.length === 0 && runs.data?.items.length === 0;
  return (
    <Page title={t('overview.hello', { user: who.user })} lead={t('overview.lead')}>
      <Counts />
      {empty && <FirstSteps />}
      <div className={classes.columns}>
        <Recent runs={runs} />
        <Needs runs={runs} quarantine={quarantine} />
      </div>
    </Page>
  );
}
