/** One choice of a few, shown side by side; a radio group to the keyboard. */

interface Props<T extends string> {
  label: string;
  /** What the choice is about, in more words. */
  hint?: string;
  value: T;
  options: readonly { value: T; text: string; hint?: string }[];
  onChange(value: T): void;
}

export function Segmented<T extends string>({ label, hint, value, options, onChange }: Props<T>) {
  const step = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const at = options.findIndex((option) => option.value === value);
    const next = options[(at + by + options.length) % options.length];
    if (!next) return;
    onChange(next.value);
    const group = event.currentTarget as HTMLElement;
    group.querySelector<HTMLElement>(`[data-value="${next.value}"]`)?.focus();
  };
  return (
    <div class="control">
      <span class="control-label" aria-hidden="true" title={hint}>
        {label}
      </span>
      <div class="segmented" role="radiogroup" aria-label={label} onKeyDown={step}>
        {options.map((option) => (
          // biome-ignore lint/a11y/useSemanticElements: native radios cannot be drawn as joined buttons in every host
          <button
            type="button"
            role="radio"
            key={option.value}
            data-value={option.value}
            data-text={option.text}
            title={option.hint}
            aria-checked={option.value === value}
            tabIndex={option.value === value ? 0 : -1}
            onClick={() => onChange(option.value)}
          >
            {option.text}
          </button>
        ))}
      </div>
    </div>
  );
}
