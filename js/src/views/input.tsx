/** The input box: another text for the model, where a kernel and the model are there. */

import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Inputs } from "../run";
import type { View } from "../view";
import { Brought } from "./brought";

export const FIELDS = ["text", "text_pair", "target"] as const;

export function InputBox({ view }: { view: View }) {
  const { store, data } = view;
  const { runner } = data;
  const { inputs, can_run: canRun } = store.synced;
  const t = store.t.value;
  const open = useSignal(false);
  const done = useSignal(false);
  const draft = useSignal<Inputs>({});
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

  const said = running ? t("input.waiting") : error ? t("input.failed", { error }) : done.value ? t("input.done") : "";
  const close = () => {
    open.value = false;
    done.value = false;
    opener.current?.focus();
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
        <Brought view={view}>
          {({ InputForm }) => (
            <InputForm
              view={view}
              id={id}
              draft={draft}
              onRun={() => {
                done.value = false;
              }}
              onClose={close}
            />
          )}
        </Brought>
      )}
      <p class="input-said" role="status" data-error={error && !running ? "" : undefined} hidden={!said}>
        {said}
      </p>
    </section>
  );
}
