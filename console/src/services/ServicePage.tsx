import { IconPencil } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import * as questions from '../api/questions';
import { useT } from '../app/locale';
import { Commands } from '../ui/form/Commands';
import { CopyLine } from '../ui/form/CopyLine';
import { curl } from '../ui/form/shell';
import { Moment } from '../ui/format/Moment';
import { useFormat } from '../ui/format/useFormat';
import { Facts } from '../ui/page/Facts';
import { LinkButton } from '../ui/page/LinkButton';
import { List } from '../ui/page/List';
import { Page } from '../ui/page/Page';
import { Panel } from '../ui/page/Panel';
import { Segments } from '../ui/page/Segments';
import { Asked } from '../ui/state/Asked';
import { limits, type Service } from './service';
import { TryIt } from './TryIt';

export function ServicePage() {
  const t = useT();
  const format = useFormat();
  const { name } = useParams({ from: '/services/$name' });
  const { tab = 'try' } = useSearch({ from: '/services/$name' });
  const service = useQuery(questions.resource('DataService', name));
  const parts = (['try', 'docs', 'yaml'] as const).map(part => ({
    to: `/services/${encodeURIComponent(name)}`,
    search: part === 'try' ? {} : { tab: part },
    here: tab === part,
    text: t(`services.part.${part}`),
  }));
  const address = `/services/${encodeURIComponent(name)}`;
  return (
    <Page
      title={name}
      name
      above={<Link to="/services">{t('app.nav.services')}</Link>}
      lead={(service.data?.spec as unknown as Service | undefined)?.description}
      actions={
        <>
          <LinkButton
            to="/edit/$kind/$name"
            params={{ kind: 'DataService', name }}
            size="xs"
            variant="default"
            leftSection={<IconPencil size={15} />}
          >
            {t('ui.edit')}
          </LinkButton>
          <Commands
            lines={[
              ['curl', curl('GET', address)],
              ['OpenAPI', curl('GET', `${address}/openapi.json`)],
              ['dataux', `dataux get service ${name} -o yaml`],
            ]}
          />
        </>
      }
    >
      <Asked query={service}>
        {data => {
          const spec = data.spec as unknown as Service;
          const parameters = Object.entries(spec.parameters ?? {});
          return (
            <>
              <Panel>
                <Facts
                  facts={[
                    [t('services.address'), <code key="a">GET {address}</code>],
                    [
                      t('services.page'),
                      spec.paging && t('services.pageRows', { rows: spec.paging.default_rows, most: spec.paging.max_rows }),
                    ],
                    [t('services.timeout'), spec.timeout],
                    [t('services.kept'), spec.cache?.fresh_for],
                    [t('services.rate'), spec.rate && t('services.perSecond', { count: spec.rate.per_second })],
                    [t('services.runsAs'), data.updated_by],
                  ]}
                />
              </Panel>
              <Segments label={name} parts={parts} />
              {tab === 'try' && <TryIt name={name} spec={spec} />}
              {tab === 'docs' && (
                <>
                  <Panel title={t('services.parameters')} flush>
                    <List
                      label={t('services.parameters')}
                      rows={[
                        ...parameters,
                        ...(['limit', 'offset', 'format'] as const).map((key): (typeof parameters)[number] => [
                          key,
                          {
                            type: key === 'format' ? 'enum' : 'integer',
                            description: t(`services.common.${key}`),
                            values: key === 'format' ? ['json', 'ndjson', 'csv', 'arrow'] : undefined,
                          },
                        ]),
                      ]}
                      id={([key]) => key}
                      fields={[
                        { head: t('services.parameter'), cell: ([key]) => <strong>{key}</strong> },
                        {
                          head: t('services.type'),
                          narrow: true,
                          cell: ([, { type, of }]) => <code>{of ? `${type} of ${of}` : type}</code>,
                        },
                        {
                          head: t('services.required'),
                          narrow: true,
                          cell: ([, { required }]) => (required ? t('services.yes') : ''),
                        },
                        { head: t('services.takes'), cell: ([, parameter]) => limits(parameter) },
                        { head: t('services.what'), cell: ([, { description }]) => description },
                      ]}
                    />
                  </Panel>
                  <Panel title="SQL" lead={t('services.sqlLead')}>
                    <CopyLine text={spec.sql.trim()} />
                  </Panel>
                </>
              )}
              {tab === 'yaml' && (
                <Panel
                  title="YAML"
                  lead={
                    <>
                      {t('ui.changed', { user: data.updated_by })} <Moment at={data.updated_at} /> ·{' '}
                      {t('ui.version', { version: format.number(data.version) })}
                    </>
                  }
                >
                  <CopyLine text={data.text} />
                </Panel>
              )}
            </>
          );
        }}
      </Asked>
    </Page>
  );
}
