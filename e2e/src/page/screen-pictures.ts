/** Writes the pictures of all screens and the list of them, each with the word that was said about it when it was looked at. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { startTour, type Tour } from './screen-tour.ts'
import { SHIPS, startScreenWorld, type ScreenWorld } from './screen-world.ts'
import { SCREENS, SIZES, sizesOf, type Screen } from './screens.ts'
import { CHROMIUM, QUIET } from './world.ts'

/** Small, since they are kept for good: of a wide screen three quarters are enough to judge by. */
const QUALITY = 32
const WIDE_PX = 500
const SCALE = 0.72
const VERDICT = /^\| \[`([a-z-]+)`\]\([^)]*\) \| .* \| (.*) \|$/

/** `only`: the names of the screens; without it all, and what is no screen any more goes. */
export async function takePictures(to: string, only?: RegExp): Promise<void> {
  mkdirSync(to, { recursive: true })
  const fonts = systemFonts()
  const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: QUIET, env: { ...process.env, FONTCONFIG_FILE: join(fonts, 'fonts.conf') } as Record<string, string> })
  const kept = new Set<string>()
  let tour: Tour | undefined
  let world: ScreenWorld | undefined
  const shoot = (harbour: ScreenWorld, on: Tour, screens: readonly Screen[]) => on.go(harbour, screens.filter(({ name }) => only?.test(name) ?? true), async ({ page, name, size }) => {
    writeFileSync(join(to, `${name}.webp`), await photograph(page, SIZES[size].viewport))
    kept.add(`${name}.webp`)
  })
  try {
    const ships = only === undefined ? SHIPS : [...new Set(SCREENS.filter(({ name }) => only.test(name)).flatMap((screen) => screen.ships))]
    world = await startScreenWorld(ships, async (empty) => {
      tour = await startTour({ browser, product: empty.product })
      await shoot({ ...empty, ships: {}, at: () => '/' }, tour, SCREENS.filter(({ ships }) => ships.length === 0))
    })
    if (tour) await shoot(world, tour, SCREENS.filter(({ ships }) => ships.length > 0))
    if (only === undefined) for (const name of readdirSync(to)) if (name.endsWith('.webp') && !kept.has(name)) rmSync(join(to, name))
  } finally {
    await tour?.close()
    await browser.close()
    await world?.close()
    rmSync(fonts, { recursive: true, force: true })
  }
  writeFileSync(join(to, 'README.md'), listOf(to))
  const bytes = readdirSync(to).reduce((sum, name) => sum + statSync(join(to, name)).size, 0)
  console.log(`${kept.size} pictures, ${(bytes / 1e6).toFixed(1)} MB`)
}

async function photograph(page: Page, { width, height }: { width: number; height: number }): Promise<Buffer> {
  const session = await page.context().newCDPSession(page)
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: QUALITY, clip: { x: 0, y: 0, width, height, scale: width > WIDE_PX ? SCALE : 1 } })
  await session.detach()
  return Buffer.from(data, 'base64')
}

/** A phone has a face of its own, which this machine may have not: these two come near, where they are installed. */
function systemFonts(): string {
  const dir = mkdtempSync(join(tmpdir(), 'berth-fonts-'))
  const instead = (family: string, face: string) => `<alias binding="strong"><family>${family}</family><prefer><family>${face}</family></prefer></alias>`
  writeFileSync(join(dir, 'fonts.conf'), `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>/usr/share/fonts</dir><cachedir>${dir}/cache</cachedir>${['system-ui', 'sans-serif', 'sans'].map((family) => instead(family, 'Inter')).join('')}${instead('monospace', 'JetBrains Mono')}</fontconfig>\n`)
  return dir
}

/** What was said about a picture stays until somebody says something else. */
function listOf(to: string): string {
  const path = join(to, 'README.md')
  const said = new Map((existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []).flatMap((line) => { const [, name = '', word = ''] = VERDICT.exec(line) ?? []; return name === '' ? [] : [[name, word] as const] }))
  const rows = SCREENS.map((screen) => {
    const [first = 'phone'] = sizesOf(screen)
    const pictures = sizesOf(screen).map((size) => SIZES[size].viewport.width).map((width) => `${width} [light](${screen.name}-${width}-light.webp) [dark](${screen.name}-${width}-dark.webp)`)
    return `| [\`${screen.name}\`](${screen.name}-${SIZES[first].viewport.width}-light.webp) | ${screen.says} | ${pictures.join(', ')} | ${said.get(screen.name) ?? 'not looked at'} |`
  })
  return `# Screens

Every screen of the interface, as it is: real Claude Code on the scripted model, one server, in light and in dark.
\`bun e2e/src/page/screens.ts docs/screens\` writes the pictures and this list; the last column is said by who looked
at them, and stays. The list itself is \`e2e/src/page/screens.ts\`, which the tests of access go through too.

| screen | what it is | pictures | verdict |
|---|---|---|---|
${rows.join('\n')}
`
}
