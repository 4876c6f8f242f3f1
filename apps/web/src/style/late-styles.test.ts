import { expect, test } from 'bun:test'
import { Glob } from 'bun'
import { join } from 'node:path'

const SOURCE = join(import.meta.dir, '..')
/** Which parts a style that comes later belongs to. */
const OWNERS: Record<string, readonly string[]> = {
  'review/review.css': ['review/'], 'files/files.css': ['files/'], 'settings/settings.css': ['settings/', 'repositories/'], 'repositories/repositories.css': ['repositories/'], 'terminal/terminal.css': ['terminal/'], 'new/new-workspace.css': ['new/'], 'ways/ways.css': ['ways/', 'usage/', 'settings/'],
  'rooms/rooms.css': ['rooms/', 'review/', 'files/', 'settings/', 'repositories/', 'terminal/', 'new/', 'ways/', 'usage/', 'session/sessions-sheet.tsx', 'session/sign-in.tsx'],
  'style/ask.css': ['inbox/', 'session/decision.tsx', 'session/question-form.tsx', 'session/hold.tsx', 'session/ask-content.tsx'],
  'style/sheets.css': ['shell/', 'session/status-pane.tsx', 'session/composer-help.tsx', 'session/sessions-sheet.tsx', 'session/sign-in.tsx'],
}
const read = (path: string) => Bun.file(join(SOURCE, path)).text()

/** Classes that a rule styles wherever they stand. */
function styledAnywhere(css: string): Set<string> {
  const selectors = css.replaceAll(/\/\*.*?\*\//gs, '').matchAll(/([^{};]+)\{/g)
  return new Set([...selectors].flatMap(([, list = '']) => list.split(',')).flatMap((selector) => /^\.([\w-]+)(?:::?[\w-]+(?:\([^)]*\))?)*$/.exec(selector.trim())?.[1] ?? []))
}

function classesIn(source: string): Set<string> {
  const said = [...source.matchAll(/\bclass=("[^"]*"|\{`[^`]*`\}|\{[^{}]*\})/g)].flatMap(([, given = '']) => {
    const quoted = [...given.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, one, other]) => one ?? other ?? '')
    return given.startsWith('{`') ? [...quoted, given.replaceAll(/\$\{[^}]*\}/g, ' ')] : quoted
  })
  return new Set(said.flatMap((text) => text.match(/[\w-]+/g) ?? []))
}

test('a style that comes with a room styles nothing outside of it: it stays when the room is left', async () => {
  const parts = await Promise.all([...new Glob('**/*.tsx').scanSync(SOURCE)].map(async (path) => ({ path, classes: classesIn(await read(path)) })))
  const elsewhere: string[] = []
  for (const [style, owners] of Object.entries(OWNERS)) {
    const styled = styledAnywhere(await read(style))
    expect(styled.size).toBeGreaterThan(5)
    for (const { path, classes } of parts) {
      if (owners.some((owner) => path.startsWith(owner))) continue
      for (const name of classes) if (styled.has(name)) elsewhere.push(`${style} styles .${name} of ${path}`)
    }
  }
  expect(elsewhere).toEqual([])
})

// What a system wishes holds for the whole page.
test('every style that comes later is looked at', async () => {
  const late = [...new Glob('**/*.css').scanSync(SOURCE)].filter((path) => !/^style\/(?:tokens|app|session|wishes)\.css$/.test(path))
  expect(late.toSorted()).toEqual(Object.keys(OWNERS).toSorted())
})
