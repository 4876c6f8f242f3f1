import { expect, test } from 'bun:test'
import { readTests } from './test-count.ts'

const CASES: Record<string, [output: string, passed: number, failed: number]> = {
  vitest: [' Test Files  1 failed | 23 passed (24)\n      Tests  \u001b[31m2 failed\u001b[39m | 47 passed (49)\n   Duration  6.84s', 47, 2],
  jest: ['Test Suites: 1 failed, 1 passed, 2 total\nTests:       1 failed, 2 passed, 3 total\nSnapshots:   0 total', 2, 1],
  pytest: ['collected 4 items\n\n=========== 1 failed, 3 passed in 0.12s ===========', 3, 1],
  'pytest -q': ['....\n4 passed in 0.03s', 4, 0],
  'pytest with an error while collecting': ['========= 2 passed, 1 error in 0.50s =========', 2, 1],
  'go test': ['ok  \texample.com/a\t0.004s\nFAIL\texample.com/b\t0.101s\nok  \texample.com/c\t(cached)', 2, 1],
  'go test -v': ['=== RUN   TestA\n--- PASS: TestA (0.00s)\n--- FAIL: TestB (0.00s)\nFAIL\nexit status 1', 1, 1],
  cargo: ['test result: ok. 3 passed; 0 failed; 0 ignored\n\ntest result: FAILED. 1 passed; 2 failed; 0 ignored', 4, 2],
  bun: ['\n 12 pass\n 1 fail\n 40 expect() calls\nRan 13 tests across 2 files.', 12, 1],
  'node --test': ['# tests 4\n# pass 3\n# fail 1', 3, 1],
  TAP: ['TAP version 13\n1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c', 2, 1],
}
for (const [runner, [output, passed, failed]] of Object.entries(CASES)) {
  test(`reads what ${runner} says`, () => expect(readTests(output)).toEqual({ passed, failed }))
}

test('says nothing about other output', () => {
  for (const output of ['', 'ok', 'hello\nworld', '3 files passed the linter', 'Tests are hard', 'passed 3 arguments']) expect(readTests(output)).toBeNull()
})

test('is as quick with output that was written to be slow to read', () => {
  for (const unit of ['\n', ' \n', '1 a, ', 'Tests 1 ', '\n1 passed']) for (let time = 0; time < 20; time++) expect(readTests(unit.repeat(8000))).toBeNull()
}, 2000)
