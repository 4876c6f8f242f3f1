import { expect, test } from 'bun:test'
import { buildWebAssets, SHELL_PATH } from './assets.ts'

test('a system that is dark gives the page what a person who chose dark gets', async () => {
  const page = new TextDecoder().decode((await buildWebAssets()).get(SHELL_PATH)?.body)
  const [chosen, system] = [/:root\[data-theme=dark\]\{([^}]*)\}/, /@media \(prefers-color-scheme:dark\)\{:root:not\(\[data-theme\]\)\{([^}]*)\}\}/].map((block) => block.exec(page)?.[1])
  expect(chosen).toContain('--ground:')
  expect(system).toBe(chosen ?? '')
})
