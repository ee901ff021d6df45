/** A column of tokens: hover previews, click locks, arrow keys rove; numbers of the focus beside them. */

import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Token } from "../types";
import { formatWeight } from "../wire/codec";

/** "…": a weight that this page does not hold; "≥": of which it holds a part. */
function print(value: number | undefined, least: boolean): string {
  if (value === undefined) return "";
  return Number.isNaN(value) ? "…" : `${least ? "≥" : ""}${formatWeight(value)}`;
}

export function TokenText({ token }: { token: Token }) {
  return (
    <bdi class="token-text">
      {token.space && (
        <span class="space" aria-hidden="true">
          ·
        </span>
      )}
      {token.text}
    </bdi>
  );
}

/** Numbers behind tokens, from the token `first` on. */
export interface Numbers {
  first: number;
  cells: Float32Array;
  /** 1 where the number is a lower bound. */
  least?: Uint8Array;
  /** The number that has the longest bar: `paintBars` draws them under the tokens. */
  top: number;
  /** Of the token in focus: what it looks at, or what looks at it. */
  direction: "out" | "in";
}

/** What of a column follows the pointer. */
interface Dress {
  /** The token of the first row. */
  first: number;
  /** Tokens in focus. */
  active: ReadonlySet<number>;
  /** Tokens that keep their ink while there is a focus; all where null. */
  linked: ReadonlySet<number> | null;
  numbers: Numbers | null;
  leastTitle: string;
  /** Tokens whose numbers are left out by choice, and what to say of them. */
  hidden: ReadonlySet<number>;
  hiddenTitle: string;
  /** Tokens that are drawn faint by choice; none where null. */
  dimmed: ((index: number) => boolean) | null;
}

/** What a row was told last: to ask the page for it costs more than to keep it. */
interface Dressed {
  named: Element;
  text: Text;
  printed: HTMLElement;
  said: string;
  title: string;
}

const dressed = new WeakMap<Element, Dressed>();

function undressed(row: HTMLElement): Dressed {
  const [cell, printed] = row.children as unknown as [HTMLElement, HTMLElement];
  const named = cell.firstElementChild as Element;
  const text = new Text();
  printed.append(text);
  const known = { named, text, printed, said: "", title: "" };
  dressed.set(row, known);
  return known;
}

function dressRows(column: HTMLElement, dress: Dress): void {
  const { first, active, linked, numbers, hidden, hiddenTitle, leastTitle, dimmed } = dress;
  let index = first;
  for (
    let row = column.firstElementChild as HTMLElement | null;
    row;
    row = row.nextElementSibling as HTMLElement | null
  ) {
    const was = dressed.get(row) ?? undressed(row);
    const value = numbers?.cells[index - numbers.first];
    const gone = hidden.has(index);
    const least = numbers?.least?.[index - numbers.first] === 1;
    const focused = active.has(index);
    const faint = gone || dimmed?.(index) || (linked !== null && !linked.has(index) && !focused);
    row.toggleAttribute("data-active", focused);
    // On what changes its colour alone: from the row down it would be asked of all that is in there.
    was.named.toggleAttribute("data-faint", faint);
    was.printed.toggleAttribute("data-faint", faint);
    const said = gone && value !== undefined ? "–" : print(value, least);
    if (was.said !== said) was.text.data = was.said = said;
    const title = gone ? hiddenTitle : least ? leastTitle : "";
    if (was.title !== title) was.printed.title = was.title = title;
    index += 1;
  }
}

interface Props extends Omit<Dress, "first"> {
  side: "query" | "key";
  label: string;
  tokens: readonly Token[];
  locked: readonly number[];
  special: boolean;
  rowHeight: number;
  range: readonly [number, number];
  /** Found by the search, and the find that is shown. */
  finds: ReadonlySet<number>;
  found: ReadonlySet<number>;
  onPreview: (index: number | null) => void;
  onLock: (index: number, shift: boolean) => void;
  /** Bring a token into view, for the focus to go there. */
  onReveal: (index: number) => void;
}

export function Tokens(props: Props) {
  const { side, label, tokens, locked, active, linked, numbers, special, rowHeight, range, finds, found } = props;
  const { leastTitle, hidden, hiddenTitle, dimmed, onPreview, onLock, onReveal } = props;
  const column = useRef<HTMLDivElement>(null);
  /** Where the focus goes once that token is there: far ones are not rendered. */
  const wanted = useRef<number | null>(null);
  const focusWanted = () => {
    if (wanted.current === null) return;
    const token = column.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"]`);
    if (!token) return;
    wanted.current = null;
    token.focus();
  };
  useLayoutEffect(focusWanted);

  // On the column, not on each of its tokens: there are hundreds, and each hover makes them anew.
  const under = (event: Event): number | null => {
    const token = (event.target as Element).closest<HTMLElement>("[data-index]");
    return token && Number(token.dataset.index);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const index = under(event);
    if (index === null) return;
    const target = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      Home: 0,
      End: tokens.length - 1,
      PageDown: index + 10,
      PageUp: index - 10,
    }[event.key];
    if (target !== undefined) {
      event.preventDefault();
      wanted.current = Math.max(0, Math.min(tokens.length - 1, target));
      onReveal(wanted.current);
      focusWanted();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      onLock(index, event.shiftKey);
    }
  };
  const onClick = (event: MouseEvent) => {
    const index = under(event);
    // Marking text with the mouse ends in a click too; that one is not meant for the lock. (In a shadow root the
    // selection calls itself collapsed, but its text is right.)
    if (index === null || (getSelection()?.toString() && !event.shiftKey)) return;
    onLock(index, event.shiftKey);
  };
  /** The token last told of: within one, from its text to its number, nothing new is under the pointer. */
  const told = useRef<number | null>(null);
  const preview = (index: number | null) => {
    if (index !== told.current) onPreview(index);
    told.current = index;
  };
  /** What of a token stays as it is while numbers come and go. */
  const texts = useMemo(() => tokens.map((token) => <TokenText token={token} />), [tokens]);

  const [first, end] = [range[0], Math.min(range[1], tokens.length)];
  // One token is in the tab order, and it has to be there: the locked one, or else the first in view.
  const preferred = locked[0] ?? 0;
  const tabbed = preferred >= first && preferred < end ? preferred : first;
  // What follows the pointer is put on the rows by `dressRows`: to compare all of them with what they were would take
  // a good part of the time there is between two frames.
  const rows = useMemo(() => {
    const made = [];
    for (let index = first; index < end; index++) {
      const token = tokens[index];
      if (!token) continue;
      made.push(
        <div
          role="option"
          key={index}
          class="token"
          data-index={index}
          data-kind={special ? token.kind : undefined}
          data-find={found.has(index) ? "shown" : finds.has(index) ? "" : undefined}
          aria-selected={locked.includes(index)}
          aria-setsize={tokens.length}
          aria-posinset={index + 1}
          tabIndex={index === tabbed ? 0 : -1}
          style={`height:${rowHeight}px`}
          title={`${index} ${token.text}`}
        >
          <span class="token-cell">{texts[index]}</span>
          <span class="token-value" />
        </div>,
      );
    }
    // One node to compare instead of as many as there are rows.
    return <>{made}</>;
  }, [tokens, texts, first, end, special, found, finds, locked, tabbed, rowHeight]);
  useLayoutEffect(() => {
    if (column.current)
      dressRows(column.current, { first, active, linked, numbers, hidden, hiddenTitle, leastTitle, dimmed });
  }, [rows, active, linked, numbers, hidden, hiddenTitle, leastTitle, dimmed]);
  return (
    <div
      ref={column}
      class={`tokens tokens-${side}`}
      role="listbox"
      aria-label={label}
      aria-multiselectable="true"
      data-direction={numbers?.direction}
      style={`padding-top:${first * rowHeight}px`}
      onPointerOver={(event) => {
        const index = under(event);
        if (event.pointerType !== "touch" && index !== null) preview(index);
      }}
      onPointerLeave={() => preview(null)}
      onFocusIn={(event) => {
        if ((event.target as Element).matches(":focus-visible")) preview(under(event));
      }}
      onFocusOut={() => preview(null)}
      onMouseDown={(event) => {
        // Else shift-click would mark all text from the last click to here.
        if (event.shiftKey) event.preventDefault();
      }}
      onClick={onClick}
      onKeyDown={onKeyDown}
    >
      {rows}
    </div>
  );
}
