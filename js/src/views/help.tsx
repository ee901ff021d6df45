/** One "?": the keys and gestures, the words, and what to keep in mind. A native dialog, so that focus stays in it. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { CAVEATS, OF_COMPARISON } from "../caveats";
import type { StringKey } from "../strings";
import type { View } from "../view";

const GESTURES = ["hover", "click", "shift", "esc", "arrows"] as const;
const WORDS = [
  ...(["token", "query", "key", "head", "score", "weight", "contribution"] as const),
  ...(["special", "sink", "ledger", "budget", "rollout"] as const),
];

export function Help({ view }: { view: View }) {
  const { store, data } = view;
  const t = store.t.value;
  const dialog = useRef<HTMLDialogElement>(null);
  // Most readers never open it: what is in it is made when it is opened first.
  const [opened, open] = useState(0);
  useLayoutEffect(() => {
    if (opened) dialog.current?.showModal();
  }, [opened]);
  const gestures: readonly (typeof GESTURES)[number][] = GESTURES;
  const caveats: StringKey[] = CAVEATS.map(({ key }) => key);
  if (data.compared.value) caveats.push(...OF_COMPARISON.map(({ key }) => key));
  return (
    <>
      <button
        type="button"
        class="help-button"
        aria-haspopup="dialog"
        aria-label={t("help")}
        title={t("help")}
        onClick={() => open(opened + 1)}
      >
        ?
      </button>
      <dialog
        ref={dialog}
        class="help"
        aria-labelledby="attnwidget-help"
        // Esc closes the dialog; it must not unlock what is chosen behind it, nor may keys reach the notebook.
        onKeyDown={(event) => event.stopPropagation()}
        onClick={(event) => {
          if (event.target === event.currentTarget) event.currentTarget.close();
        }}
      >
        {opened > 0 && (
          <div class="help-page">
            <header class="help-head">
              <h3 id="attnwidget-help">{t("help.title")}</h3>
              <button type="button" class="plain" onClick={() => dialog.current?.close()}>
                {t("help.close")}
              </button>
            </header>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
            <section class="help-body" tabIndex={0} aria-labelledby="attnwidget-help">
              <section>
                <h4>{t("help.gestures")}</h4>
                <p>{t("help.gestures.text")}</p>
                <dl class="help-keys">
                  {[...gestures, ...(store.synced.can_run.value ? (["run"] as const) : [])].map((name) => (
                    <div key={name}>
                      <dt>{t(`help.${name}`)}</dt>
                      <dd>{t(`help.${name}.does`)}</dd>
                    </div>
                  ))}
                </dl>
              </section>
              <section>
                <h4>{t("help.words")}</h4>
                <dl class="help-words">
                  {WORDS.map((name) => (
                    <div key={name}>
                      <dt>{t(`help.word.${name}`)}</dt>
                      <dd>{t(`help.word.${name}.is`)}</dd>
                    </div>
                  ))}
                </dl>
              </section>
              <section>
                <h4>{t("help.caveats")}</h4>
                <p>{t("help.caveats.text")}</p>
                <ul class="help-caveats">
                  {caveats.map((key) => (
                    <li key={key}>{t(key)}</li>
                  ))}
                </ul>
              </section>
            </section>
          </div>
        )}
      </dialog>
    </>
  );
}
