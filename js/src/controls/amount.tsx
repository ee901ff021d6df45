/** A slider with its number. */

interface Props {
  label: string;
  value: number;
  min: number;
  max: number;
  step: number;
  text: string;
  onChange(value: number): void;
}

export function Amount({ label, value, min, max, step, text, onChange }: Props) {
  return (
    <label class="control amount">
      <span class="control-label">{label}</span>
      <input
        type="range"
        value={value}
        min={min}
        max={max}
        step={step}
        aria-valuetext={text}
        onInput={(event) => onChange(event.currentTarget.valueAsNumber)}
      />
      <output class="number">{text}</output>
    </label>
  );
}
