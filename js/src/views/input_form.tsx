/** The fields of the input box: another text for the model to read. */

import type { Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Inputs } from "../run";
import type { StringKey } from "../strings";
import type { View } from "../view";
import { FIELDS } from "./input";

type Field = (typeof FIELDS)[number];

interface Props {
  view: View;
  id: string;
  draft: Signal<Inputs>;
  onRun: () => void;
  onClose: () => void;
}

export function InputForm({ view, id, draft, onRun, onClose }: Props) {
  const { store, data } = view;
  const { inputs, can_run: canRun, stacks } = store.synced;
  const t = store.t.value;
  const first = useRef<HTMLTextAreaElement>(null);
  const running = data.runner.running.value;
  const read = inputs.value;
  useEffect(() => first.current?.focus(), []);

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
  const run = () => {
    if (reason || running) return;
    onRun();
    const { text, text_pair: pair, target } = draft.value;
    data.runner.run({ text: text ?? "", text_pair: pair ?? null, target: target || null });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // Keys of the text field are its own: none of them unlocks a token or runs a cell of the notebook.
    event.stopPropagation();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    } else if (event.key === "Escape" && !event.isComposing) {
      event.preventDefault();
      onClose();
    }
  };
  return (
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
        <button type="button" class="plain" onClick={onClose}>
          {t("input.cancel")}
        </button>
        <span class="muted">{reason && canRun.value ? reason : t("input.keys")}</span>
      </div>
    </form>
  );
}
