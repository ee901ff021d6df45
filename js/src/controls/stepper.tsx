/** Layer number with a step back and a step on; arrow keys, Home and End work on it. */

interface Props {
  label: string;
  previous: string;
  next: string;
  value: number;
  count: number;
  onChange(value: number): void;
}

export function Stepper({ label, previous, next, value, count, onChange }: Props) {
  const onKeyDown = (event: KeyboardEvent) => {
    const target = {
      ArrowUp: value + 1,
      ArrowRight: value + 1,
      ArrowDown: value - 1,
      ArrowLeft: value - 1,
      Home: 0,
      End: count - 1,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    onChange(target);
  };
  return (
    <div class="control">
      <span class="control-label" aria-hidden="true">
        {label}
      </span>
      <div class="stepper">
        <button type="button" aria-label={previous} disabled={value <= 0} onClick={() => onChange(value - 1)}>
          ‹
        </button>
        <span
          class="stepper-value"
          role="spinbutton"
          tabIndex={0}
          aria-label={label}
          aria-valuenow={value}
          aria-valuemin={0}
          aria-valuemax={Math.max(0, count - 1)}
          onKeyDown={onKeyDown}
          style={{ minWidth: `max(24px, ${String(count - 1).length + 1.6}ch)` }}
        >
          {value}
        </span>
        <button type="button" aria-label={next} disabled={value >= count - 1} onClick={() => onChange(value + 1)}>
          ›
        </button>
      </div>
    </div>
  );
}
