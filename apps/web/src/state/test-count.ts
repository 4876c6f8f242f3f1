/** How many tests passed and failed, where the runner that printed the output is known. Pure. */
export interface TestCount { readonly passed: number; readonly failed: number }

export function testWords({ passed, failed }: TestCount): string {
  return failed > 0 ? `${failed} of ${passed + failed} failed` : `${passed} passed`
}

/** Summaries stand at the end; more than this is not searched. */
const TAIL = 8000

export function readTests(output: string): TestCount | null {
  // oxlint-disable-next-line no-control-regex -- colours stand between the words of a summary
  const text = output.slice(-TAIL).replace(/\u001b\[[\d;]*m/g, '')
  for (const read of READERS) {
    const count = read(text)
    if (count && count.passed + count.failed > 0) return count
  }
  return null
}

const number = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0)
const lineOf = (text: string, pattern: RegExp): string | null => [...text.matchAll(pattern)].at(-1)?.[0] ?? null
const inLine = (line: string | null): TestCount | null => (line === null ? null : { passed: number(line, /(\d+) passed/), failed: number(line, /(\d+) failed/) + number(line, /(\d+) errors?\b/) })

const READERS: readonly ((text: string) => TestCount | null)[] = [
  // vitest, jest: "Tests  2 failed | 47 passed (49)", "Tests: 1 failed, 2 passed, 3 total"
  (text) => inLine(lineOf(text, /^[ \t]*Tests:?\s.*\d+ (?:passed|failed).*$/gm)),
  // pytest: "=== 1 failed, 3 passed in 0.12s ===", "3 passed in 0.12s"
  (text) => inLine(lineOf(text, /^=*[ \t]*(?:\d+ \w+, )*\d+ (?:passed|failed|errors?)\b.* in [\d.]+m?s.*$/gm)),
  // cargo test: one line a crate
  (text) => summed(text, /^test result: \w+\. (\d+) passed; (\d+) failed/gm),
  // bun test: " 12 pass\n 0 fail"
  (text) => (/^[ \t]*\d+ pass$/m.test(text) ? { passed: number(text, /^[ \t]*(\d+) pass$/m), failed: number(text, /^[ \t]*(\d+) fail$/m) } : null),
  // node --test, and TAP that counts for itself: "# pass 3\n# fail 1"
  (text) => (/^(?:#|ℹ) pass \d+$/m.test(text) ? { passed: number(text, /^(?:#|ℹ) pass (\d+)$/m), failed: number(text, /^(?:#|ℹ) fail (\d+)$/m) } : null),
  // go test -v: one line a test; without -v one line a package
  (text) => counted(text, /^--- PASS: /gm, /^--- FAIL: /gm) ?? counted(text, /^ok\s+\S+\s+(?:[\d.]+s|\(cached\))/gm, /^FAIL\s+\S+\s+[\d.]+s/gm),
  // TAP
  (text) => (/^(?:TAP version|1\.\.\d+)/m.test(text) ? counted(text, /^ok \d+/gm, /^not ok \d+/gm) : null),
]

function summed(text: string, pattern: RegExp): TestCount | null {
  const found = [...text.matchAll(pattern)]
  return found.length === 0 ? null : { passed: found.reduce((sum, match) => sum + Number(match[1]), 0), failed: found.reduce((sum, match) => sum + Number(match[2]), 0) }
}

function counted(text: string, pass: RegExp, fail: RegExp): TestCount | null {
  const passed = text.match(pass)?.length ?? 0
  const failed = text.match(fail)?.length ?? 0
  return passed + failed === 0 ? null : { passed, failed }
}
