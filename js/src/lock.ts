/**
 * The one rule of locking, the same for heads and tokens: click = only this;
 * click it again = back to all (an empty list); shift-click puts in or takes out.
 */
export function lock(locked: readonly number[], clicked: number, shift: boolean): number[] {
  if (shift) {
    return locked.includes(clicked)
      ? locked.filter((item) => item !== clicked)
      : [...locked, clicked].sort((a, b) => a - b);
  }
  return locked.length === 1 && locked[0] === clicked ? [] : [clicked];
}
