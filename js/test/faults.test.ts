/** Requests that fail, or find nobody: each asked once, said, and asked again by whoever comes back. */
import { effect } from "@preact/signals";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Data } from "../src/data";
import { NoKernelError, Requests } from "../src/wire/messages";

function setUp(): { sent: { id: string }[]; requests: Requests; data: Data; alive: { value: boolean } } {
  const sent: { id: string }[] = [];
  const alive = { value: true };
  const requests = new Requests(
    (content) => {
      if (!alive.value) throw new NoKernelError("nobody");
      sent.push(content as { id: string });
    },
    () => String(sent.length),
  );
  return { sent, requests, data: new Data(requests), alive };
}

/** What a view does: it looks at the state of the layer whenever that changes. */
function watch(data: Data): { states: string[]; end: () => void } {
  const states: string[] = [];
  const end = effect(() => {
    data.version.value;
    states.push(data.layer("encoder", 3).value.status);
  });
  return { states, end };
}

const settle = () => vi.advanceTimersByTimeAsync(1);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a layer that Python cannot give", () => {
  it("is asked for once, however often its failure is looked at", async () => {
    const { sent, requests, data } = setUp();
    const { states, end } = watch(data);
    await settle();
    expect(sent).toHaveLength(1);
    requests.receive({ kind: "reply", id: sent[0]?.id, ok: false, error: "released" });
    await settle();
    expect(states.at(-1)).toBe("failed");
    expect(sent).toHaveLength(1);
    end();
    await vi.advanceTimersByTimeAsync(2000);
    watch(data).end();
    await settle();
    expect(sent).toHaveLength(2);
  });
});

describe("a kernel that is gone", () => {
  it("makes the layer missing, and is asked again once there is one", async () => {
    const { sent, requests, data, alive } = setUp();
    const { states, end } = watch(data);
    await settle();
    alive.value = false;
    requests.failAll(new NoKernelError("restarted"));
    await settle();
    expect(states.at(-1)).toBe("missing");
    data.version.value += 1;
    await settle();
    expect(states.at(-1)).toBe("missing");
    expect(sent).toHaveLength(1);
    alive.value = true;
    data.reconnected();
    await settle();
    expect(states.at(-1)).toBe("asked");
    expect(sent).toHaveLength(2);
    end();
  });
});
