import { Button, Group, NativeSelect, Stack, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { api, ask } from '../api/client';
import { Problem } from '../api/problem';
import { apply, document } from '../api/resources';
import { useT } from '../app/locale';
import { CopyLine } from '../ui/form/CopyLine';
import { resourcesChanged } from '../ui/form/changed';
import { Panel } from '../ui/page/Panel';
import { Asked } from '../ui/state/Asked';
import { ProblemView } from '../ui/state/ProblemView';
import classes from './ConnectionForm.module.css';
import { connectors, type Field, specOf } from './fields';
import type { JsonSchema } from './schema';

/** A new connection as a form, which the connector's own schema makes; beside it the document that it becomes. */
export function ConnectionForm({ asYaml }: { asYaml: (text: string) => void }) {
  const t = useT();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [chosen, setChosen] = useState('');
  const [values, setValues] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const schema = useQuery({
    queryKey: ['schema', 'Connection'],
    queryFn: () => ask(api.GET('/api/v1/schemas/{kind}', { params: { path: { kind: 'Connection' } } })),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Asked query={schema}>
      {data => {
        const known = connectors(data as JsonSchema);
        const connector = known.find(one => one.name === chosen) ?? known[0];
        if (!connector) return null;
        const text = document('Connection', name || 'NAME', specOf(connector, description, values));
        const submit = async (event: FormEvent) => {
          event.preventDefault();
          setBusy(true);
          setProblem(undefined);
          try {
            await apply(text);
            await resourcesChanged(client);
            await navigate({ to: '/connections/$name', params: { name }, search: {} });
          } catch (thrown) {
            setProblem(Problem.of(thrown));
            setBusy(false);
          }
        };
        return (
          <div className={classes.columns}>
            <Panel title={t('resources.connection')}>
              <Stack component="form" gap="sm" onSubmit={submit}>
                <TextInput
                  label={t('resources.name')}
                  description={t('resources.nameHint')}
                  required
                  value={name}
                  onChange={event => setName(event.currentTarget.value)}
                />
                <TextInput
                  label={t('resources.description')}
                  value={description}
                  onChange={event => setDescription(event.currentTarget.value)}
                />
                <NativeSelect
                  label={t('resources.connector')}
                  description={connector.description}
                  value={connector.name}
                  onChange={event => {
                    setChosen(event.currentTarget.value);
                    setValues({});
                  }}
                  data={known.map(one => one.name)}
                />
                {connector.fields.map(field => (
                  <Option
                    key={`${connector.name} ${field.name}`}
                    field={field}
                    value={values[field.name] ?? ''}
                    change={value => setValues({ ...values, [field.name]: value })}
                  />
                ))}
                {problem && <ProblemView problem={problem} />}
                <Group gap="xs">
                  <Button type="submit" size="xs" loading={busy}>
                    {t('resources.save')}
                  </Button>
                  <Button size="xs" variant="default" onClick={() => asYaml(text)}>
                    {t('resources.asYaml')}
                  </Button>
                </Group>
              </Stack>
            </Panel>
            <Panel title="YAML" lead={t('resources.becomes')}>
              <CopyLine text={text.trimEnd()} />
            </Panel>
          </div>
        );
      }}
    </Asked>
  );
}

function Option({ field, value, change }: { field: Field; value: string; change: (value: string) => void }) {
  const t = useT();
  const { name, kind, choices, required, given } = field;
  const description = kind === 'secret' ? t('resources.secretHint') : field.description.split('\n')[0];
  const shared = { label: name, description, required: required && given === '', value };
  if (kind === 'choice' || kind === 'boolean') {
    const data = kind === 'boolean' ? ['true', 'false'] : choices;
    return (
      <NativeSelect
        {...shared}
        data={[{ value: '', label: given }, ...data.filter(one => one !== given)]}
        onChange={event => change(event.currentTarget.value)}
      />
    );
  }
  const placeholder = kind === 'secret' ? 'secret:NAME' : given;
  return (
    <TextInput
      {...shared}
      placeholder={placeholder}
      inputMode={kind === 'number' ? 'numeric' : undefined}
      autoComplete="off"
      onChange={event => change(event.currentTarget.value)}
    />
  );
}
