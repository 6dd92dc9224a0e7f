import { TextInput } from '@mantine/core';
import { useT } from '../app/locale';
import classes from './Parameters.module.css';

/** A box for each `$name`. Values are bound, never pasted. */
export function Parameters(props: {
  names: string[];
  values: Record<string, string>;
  change: (values: Record<string, string>) => void;
}) {
  const { names, values, change } = props;
  const t = useT();
  return (
    <fieldset className={classes.row}>
      <legend className={classes.legend}>{t('query.parameters')}</legend>
      {names.map(name => (
        <TextInput
          key={name}
          size="xs"
          label={`$${name}`}
          placeholder="NULL"
          value={values[name] ?? ''}
          onChange={event => change({ ...values, [name]: event.currentTarget.value })}
        />
      ))}
    </fieldset>
  );
}
