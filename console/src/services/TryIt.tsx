import { Button, NativeSelect, TextInput } from '@mantine/core';
import { IconPlayerPlayFilled } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import { plain } from '../api/client';
import { Problem } from '../api/problem';
import { useT } from '../app/locale';
import { CopyLine } from '../ui/form/CopyLine';
import { curl } from '../ui/form/shell';
import { useFormat } from '../ui/format/useFormat';
import { Grid, type Source } from '../ui/grid/Grid';
import { Panel } from '../ui/page/Panel';
import { EmptyView } from '../ui/state/EmptyView';
import { Loading } from '../ui/state/Loading';
import { ProblemView } from '../ui/state/ProblemView';
import { sourceOf } from './answer';
import { callPath, limits, type Service } from './service';
import classes from './TryIt.module.css';

interface Answer {
  source: Source;
  next: number | null;
  millis: number;
  age: string | null;
}

/** Calls the service as the reader, with the same request that curl would send. */
export function TryIt({ name, spec }: { name: string; spec: Service }) {
  const t = useT();
  const format = useFormat();
  const parameters = spec.parameters ?? {};
  const [values, setValues] = useState<Record<string, string>>({});
  const [answer, setAnswer] = useState<Answer>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const path = callPath(name, parameters, values);

  const call = async (wanted: string) => {
    setBusy(true);
    setProblem(undefined);
    const began = performance.now();
    try {
      const response = await plain(wanted, { headers: { accept: 'application/json' } });
      const body = (await response.json()) as { items: Record<string, unknown>[]; next: number | null };
      setAnswer({
        source: sourceOf(body.items),
        next: body.next,
        millis: performance.now() - began,
        age: response.headers.get('age'),
      });
    } catch (thrown) {
      setProblem(Problem.of(thrown));
      setAnswer(undefined);
    } finally {
      setBusy(false);
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    call(path);
  };
  const set = (key: string) => (event: { currentTarget: { value: string } }) =>
    setValues({ ...values, [key]: event.currentTarget.value });
  const more = answer?.next != null ? callPath(name, parameters, { ...values, offset: String(answer.next) }) : undefined;

  return (
    <Panel title={t('services.part.try')} lead={t('services.tryLead')} flush>
      <form className={classes.form} onSubmit={submit}>
        <div className={classes.fields}>
          {Object.entries(parameters).map(([key, parameter]) => {
            const shared = {
              label: key,
              description: parameter.description || limits(parameter) || undefined,
              required: parameter.required,
              value: values[key] ?? '',
              size: 'xs' as const,
            };
            const choices =
              parameter.type === 'enum' ? parameter.values : parameter.type === 'boolean' ? ['true', 'false'] : undefined;
            if (choices)
              return <NativeSelect key={key} {...shared} data={[{ value: '', label: '' }, ...choices]} onChange={set(key)} />;
            return (
              <TextInput
                key={key}
                {...shared}
                type={parameter.type === 'date' ? 'date' : 'text'}
                placeholder={parameter.default == null ? undefined : String(parameter.default)}
                onChange={set(key)}
              />
            );
          })}
          <TextInput
            size="xs"
            label="limit"
            description={t('services.common.limit')}
            inputMode="numeric"
            value={values.limit ?? ''}
            onChange={set('limit')}
          />
        </div>
        <div className={classes.acts}>
          <Button type="submit" size="xs" loading={busy} leftSection={<IconPlayerPlayFilled size={14} />}>
            {t('services.call')}
          </Button>
          {more && (
            <Button size="xs" variant="default" onClick={() => call(more)} disabled={busy}>
              {t('services.nextPage')}
            </Button>
          )}
          <span role="status">
            {answer && t('services.answered', { rows: answer.source.count, time: format.duration(answer.millis) })}
            {answer?.age && ` · ${t('services.age', { seconds: answer.age })}`}
          </span>
        </div>
        <CopyLine text={curl('GET', path)} />
      </form>
      {problem && <ProblemView problem={problem} />}
      {busy && !answer && <Loading rows={3} />}
      {answer && answer.source.count > 0 && <Grid label={t('services.rows')} source={answer.source} version={0} />}
      {answer && answer.source.count === 0 && <EmptyView icon={IconPlayerPlayFilled} title={t('services.noRows')} />}
    </Panel>
  );
}
