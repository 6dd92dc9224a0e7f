import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { bracketMatching, indentOnInput, indentUnit } from '@codemirror/language';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, type Extension, Prec } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  placeholder,
} from '@codemirror/view';
import { useEffect, useRef } from 'react';
import { useT } from '../../app/locale';
import classes from './CodeEditor.module.css';
import { look } from './look';

interface Props {
  label: string;
  value: string;
  change?: (value: string) => void;
  /** Language, completion and keys; must not change from draw to draw unless it is meant to. */
  extensions: Extension;
  /** Ctrl Enter. */
  run?: () => void;
  hint?: string;
  height?: string;
  /** Called with the editor once it is there. */
  ready?: (view: EditorView) => void;
}

const nonce = () => document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? '';

/** The editor of SQL and YAML. Tab indents; Escape and then Tab leaves. */
export function CodeEditor({ label, value, change, extensions, run, hint, height, ready }: Props) {
  const t = useT();
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const languages = useRef(new Compartment());
  const acts = useRef({ change, run, ready });
  acts.current = { change, run, ready };
  const readOnly = change === undefined;

  // biome-ignore lint/correctness/useExhaustiveDependencies: what changes later is brought in by the effects below
  useEffect(() => {
    if (!box.current) return;
    const runs = Prec.highest(
      keymap.of([
        {
          key: 'Mod-Enter',
          run: () => {
            acts.current.run?.();
            return acts.current.run !== undefined;
          },
        },
      ]),
    );
    const made = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          EditorView.cspNonce.of(nonce()),
          runs,
          lineNumbers(),
          highlightActiveLineGutter(),
          highlightSpecialChars(),
          history(),
          drawSelection(),
          EditorState.allowMultipleSelections.of(true),
          indentOnInput(),
          indentUnit.of('  '),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ icons: false }),
          highlightActiveLine(),
          highlightSelectionMatches(),
          keymap.of([
            ...closeBracketsKeymap,
            ...defaultKeymap,
            ...searchKeymap,
            ...historyKeymap,
            ...completionKeymap,
            indentWithTab,
          ]),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({
            'aria-label': label,
            'aria-description': t('ui.editor.keys'),
            spellcheck: 'false',
            tabindex: '0',
          }),
          EditorState.readOnly.of(readOnly),
          hint ? placeholder(hint) : [],
          look,
          languages.current.of(extensions),
          EditorView.updateListener.of(update => update.docChanged && acts.current.change?.(update.state.doc.toString())),
        ],
      }),
    });
    view.current = made;
    acts.current.ready?.(made);
    return () => made.destroy();
  }, [label, readOnly]);

  useEffect(() => {
    const now = view.current;
    if (now && now.state.doc.toString() !== value)
      now.dispatch({ changes: { from: 0, to: now.state.doc.length, insert: value } });
  }, [value]);
  useEffect(() => view.current?.dispatch({ effects: languages.current.reconfigure(extensions) }), [extensions]);

  return <div ref={box} className={classes.box} style={{ height }} data-read-only={readOnly || undefined} />;
}
