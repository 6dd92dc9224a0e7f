import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { IntlProvider, useIntl } from 'react-intl';
import { speak } from '../api/client';
import type { Key } from './messages';

export type Locale = 'en' | 'zh';

const kept = 'dataux.locale';

/** Each language is a chunk of its own. */
const loaders: Record<Locale, () => Promise<{ default: Record<Key, string> }>> = {
  en: () => import('./messages.en'),
  zh: () => import('./messages.zh'),
};

const Choice = createContext<{ locale: Locale; choose: (locale: Locale) => void }>({ locale: 'en', choose: () => {} });

/** The reader's choice, else the first language of the browser that we have. */
export function preferred(stored: string | null, languages: readonly string[]): Locale {
  if (stored === 'en' || stored === 'zh') return stored;
  return languages.map(language => language.slice(0, 2).toLowerCase()).find(code => code === 'en' || code === 'zh') === 'zh'
    ? 'zh'
    : 'en';
}

export function LocaleProvider({ children }: { children: ReactNode }) {
  const [locale, setLocale] = useState<Locale>(() => preferred(localStorage.getItem(kept), navigator.languages));
  const [loaded, setLoaded] = useState<{ locale: Locale; messages: Record<Key, string> }>();

  useEffect(() => {
    let current = true;
    loaders[locale]().then(({ default: messages }) => {
      if (!current) return;
      speak(locale === 'zh' ? 'zh-CN' : 'en');
      document.documentElement.lang = locale === 'zh' ? 'zh-CN' : 'en';
      setLoaded({ locale, messages });
    });
    return () => {
      current = false;
    };
  }, [locale]);

  const choice = useMemo(
    () => ({
      locale,
      choose: (next: Locale) => {
        localStorage.setItem(kept, next);
        setLocale(next);
      },
    }),
    [locale],
  );
  if (!loaded) return null;
  return (
    <Choice value={choice}>
      <IntlProvider locale={loaded.locale === 'zh' ? 'zh-CN' : 'en'} messages={loaded.messages} defaultLocale="en">
        {children}
      </IntlProvider>
    </Choice>
  );
}

export function useLocale() {
  return useContext(Choice);
}

/** The sentence of a key, with its values filled in. */
export function useT() {
  const { formatMessage } = useIntl();
  return useMemo(
    () => (id: Key, values?: Record<string, string | number | boolean | Date | null | undefined>) =>
      formatMessage({ id }, values),
    [formatMessage],
  );
}
