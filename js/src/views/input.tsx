/** The input box: another text for the model, where a kernel and the model are there. */

import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Inputs } from "../run";
import type { StringKey } from "../strings";
import type { View } from "../view";

const FIELDS = ["text", "text_pair", "target"] as const;
type Field = (typeof FIELDS)[number];

export function InputBox({ view }: { view: View }) {
  const { store, data } = view;
  const { runner } = data;
  const { inputs, can_run: canRun, stacks } = store.synced;
  const t = store.t.value;
  const open = useSignal(false);
  const done = useSignal(false);
  const draft = useSignal<Inputs>({});
  const first = useRef<HTMLTextAreaElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const id = useId();
  const running = runner.running.value;
  const error = runner.error.value;
  const read = inputs.value;

  // What was read last is what is edited next.
  useEffect(() => {
    draft.value = { ...read };
  }, [read, draft]);
  const wasRunning = useRef(false);
  useEffect(() => {
    if (wasRunning.current && !running) done.value = !error;
    wasRunning.current = running;
  }, [running, error, done]);

  // Nobody to ask (an exported page), or no text to edit (weights as given, an image): no box.
  if (!runner.possible || typeof read.text !== "string") return null;

  const wanted = FIELDS.filter(
    (name) =>
      name === "text" ||
      typeof read[name] === "string" ||
      (name === "target" && stacks.value.some((stack) => stack.name === "cross")),
  );
  const label = (name: Field): StringKey => {
    if (name === "target") return "input.target";
    if (name === "text_pair") return "input.pair";
    return wanted.includes("text_pair") ? "input.first" : "input.text";
  };
  const empty = !(draft.value.text ?? "").trim();
  const reason = !canRun.value ? t("input.gone") : empty ? t("input.empty") : "";
  const said = running ? t("input.waiting") : error ? t("input.failed", { error }) : done.value ? t("input.done") : "";
  const run = () => {
    if (reason || running) return;
    done.value = false;
    const { text, text_pair: pair, target } = draft.value;
    runner.run({ text: text ?? "", text_pair: pair ?? null, target: target || null });
  };
  const close = () => {
    open.value = false;
    done.value = false;
    opener.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // Keys of the text field are its own: none of them unlocks a token or runs a cell of the notebook.
    event.stopPropagation();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    } else if (event.key === "Escape" && !event.isComposing) {
      event.preventDefault();
      close();
    }
  };
  return (
    <section class="input-box" aria-label={t("input.label")} data-open={open.value ? "" : undefined}>
      <div class="input-head">
        <button
          ref={opener}
          type="button"
          class="plain"
          aria-expanded={open.value}
          aria-controls={open.value ? id : undefined}
          aria-disabled={!canRun.value}
          aria-describedby={canRun.value ? undefined : `${id}-gone`}
          onClick={() => {
            if (!canRun.value && !open.value) return;
            open.value = !open.value;
            if (open.value) requestAnimationFrame(() => first.current?.focus());
          }}
        >
          {t("input.edit")}
        </button>
        {!open.value && <bdi class="input-now">{FIELDS.flatMap((name) => read[name] || []).join(" | ")}</bdi>}
        {!canRun.value && (
          <span id={`${id}-gone`} class="input-reason">
            {t("input.gone")}
          </span>
        )}
      </div>
      {open.value && (
        <form
          id={id}
          class="input-form"
          onKeyDown={onKeyDown}
          onSubmit={(event) => {
            event.preventDefault();
            run();
          }}
        >
          {wanted.map((name, at) => (
            <label key={name} class="input-field">
              <span class="control-label">{t(label(name))}</span>
              <textarea
                ref={at === 0 ? first : undefined}
                name={name}
                dir="auto"
                spellcheck={false}
                rows={Math.min(6, Math.max(1, Math.ceil((draft.value[name] ?? "").length / 90)))}
                value={draft.value[name] ?? ""}
                onInput={(event) => {
                  draft.value = { ...draft.value, [name]: event.currentTarget.value };
                }}
              />
            </label>
          ))}
          <div class="input-actions">
            <button type="submit" class="input-run" aria-disabled={running || reason !== ""}>
              {t(running ? "input.running" : "input.run")}
            </button>
            <button type="button" class="plain" onClick={close}>
              {t("input.cancel")}
            </button>
            <span class="muted">{reason && canRun.value ? reason : t("input.keys")}</span>
          </div>
        </form>
      )}
      <p class="input-said" role="status" data-error={error && !running ? "" : undefined} hidden={!said}>
        {said}
      </p>
    </section>
  );
}
