import { Link } from '@tanstack/react-router';
import { useT } from '../app/locale';
import { CopyLine } from '../ui/form/CopyLine';
import { Panel } from '../ui/page/Panel';
import classes from './FirstSteps.module.css';

const steps = [
  { key: 'connect', to: '/connections' },
  { key: 'run', to: '/pipelines' },
  { key: 'query', to: '/query' },
  { key: 'share', to: '/services' },
] as const;

/** What a platform with nothing in it needs, in its order; or the example. */
export function FirstSteps() {
  const t = useT();
  return (
    <Panel title={t('overview.first')} lead={t('overview.firstLead')}>
      <ol className={classes.steps}>
        {steps.map(({ key, to }) => (
          <li key={key}>
            <Link to={to}>{t(`overview.step.${key}`)}</Link>
            <p>{t(`overview.stepText.${key}`)}</p>
          </li>
        ))}
      </ol>
      <p>{t('overview.demo')}</p>
      <CopyLine text="dataux demo" />
    </Panel>
  );
}
