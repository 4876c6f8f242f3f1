/**
 * Runs the reference CLI beside the engine, as a process of its own with an empty home: `${localEnv:…}` of a repository
 * finds nothing of the server's there, and neither does a registry that asks for credentials.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ProviderFault } from '@berth/core'

export interface DevcontainerCli {
  /** Makes the image. Throws `BuildFailed` with what was said. */
  build(run: { folder: string; config: string; tag: string }, context: CliContext): Promise<void>
  /** A Dockerfile as it is, without what a devcontainer adds. */
  buildPlain(run: { context: string; dockerfile: string; args: Readonly<Record<string, string>>; target: string | null; tag: string }, context: CliContext): Promise<void>
  /**
   * What the image and the file ask for together. May be called while the image is built: the CLI takes its time to start,
   * and is given `image`, as the engine tells of it, instead of a look of its own.
   */
  merged(run: { folder: string; config: string; image: Promise<unknown> }, context: CliContext): Promise<Readonly<Record<string, unknown>>>
}
export interface CliContext { readonly signal: AbortSignal; readonly log: (line: string) => void; /** For its temporary files; ours alone. */ readonly scratch: string }
interface CliDeps { readonly script: string; readonly dockerHost: string; /** What a step of a build may use. */ readonly memoryBytes: number }

interface Wrapping { readonly scratch: string; readonly memoryBytes: number }
interface Run { readonly context: CliContext; readonly withinMs: number; /** What stands for the docker command line. */ readonly wrapper?: (docker: string, wrapping: Wrapping) => Promise<string> }

const BUILD_MS = 20 * 60_000
const READ_MS = 60_000
const LOG_KEPT_BYTES = 256 * 1024
/** A build can say anything for twenty minutes; the end of it is kept, the beginning is told. */
const LINES_TOLD = 2000
const LINE_SHOWN = 500

/** The project's own fault: its machine is made anew when it is repaired. */
export class BuildFailed extends Error {
  override readonly name = 'BuildFailed'
  readonly log: string
  constructor(message: string, log: string) {
    // What follows it is a sentence of its own.
    super(message.replace(/[.\s]+$/, ''))
    this.log = log
  }
}

export function createDevcontainerCli({ script, dockerHost, memoryBytes }: CliDeps): DevcontainerCli {
  const spawn = async (argv: (docker: string) => readonly string[], follow: (stream: ReadableStream<Uint8Array>, take: (line: string) => void) => Promise<void>, { context: { signal, log, scratch }, withinMs, wrapper = buildWrapper }: Run) => {
    const docker = Bun.which('docker')
    if (docker === null) throw new ProviderFault('unsupported', 'devcontainers need the docker command line beside the server, and it is not installed', { hint: 'install docker-cli, or say an image with --image' })
    const home = join(scratch, 'home')
    const temporary = join(scratch, 'tmp')
    for (const dir of [home, temporary]) await mkdir(dir, { recursive: true, mode: 0o700 })
    const limit = AbortSignal.any([signal, AbortSignal.timeout(withinMs)])
    const words = argv(await wrapper(docker, { scratch, memoryBytes }))
    limit.throwIfAborted()
    const child = Bun.spawn([...words], {
      cwd: scratch, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', detached: true,
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: home, TMPDIR: temporary, LC_ALL: 'C.UTF-8', DOCKER_HOST: dockerHost, DOCKER_CONFIG: home, BUN_BE_BUN: '1' },
    })
    // Its own group: the docker command line that it starts ends with it.
    const end = (): void => { try { process.kill(-child.pid, 'SIGKILL') } catch { /* it ended */ } }
    limit.addEventListener('abort', end, { once: true })
    // Nor does such a group end with us. Before its files are removed, whose listener was there first.
    process.prependOnceListener('exit', end)
    try {
      const kept = createKept(log)
      const [out] = await Promise.all([new Response(child.stdout).text(), follow(child.stderr, kept.take)])
      const exitCode = await child.exited
      signal.throwIfAborted()
      if (limit.aborted) throw new BuildFailed(`it took longer than ${withinMs / 60_000} minutes`, kept.text())
      return { out, exitCode, kept }
    } finally {
      limit.removeEventListener('abort', end)
      process.off('exit', end)
    }
  }
  const run = async (args: readonly string[], how: Run): Promise<{ said: Answer; log: string }> => {
    const data = join(how.context.scratch, `data-${args[0]}`)
    const { out, kept } = await spawn((docker) => [process.execPath, script, ...args, '--docker-path', docker, '--log-format', 'json', '--user-data-folder', data], followLog, how)
    return { said: answerIn(out), log: kept.text() }
  }
  return {
    async build({ folder, config, tag }, context) {
      const { said, log } = await run(['build', '--workspace-folder', folder, '--config', config, '--image-name', tag], { context, withinMs: BUILD_MS })
      if (said.outcome !== 'success') throw failure(said, { log, folder, known: lastWords(log), otherwise: 'the build failed' })
    },
    async buildPlain({ context: dir, dockerfile, args, target, tag }, context) {
      const words = ['build', '--tag', tag, '--file', dockerfile, ...(target === null ? [] : ['--target', target]), ...Object.entries(args).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]), '--', dir]
      const { out, exitCode, kept } = await spawn((docker) => [docker, ...words], followPlain, { context, withinMs: BUILD_MS })
      for (const line of plainLines(out)) kept.take(line)
      if (exitCode !== 0) throw new BuildFailed(lastWords(kept.text()) ?? `the build of ${tag} failed`, kept.text())
    },
    async merged({ folder, config, image }, context) {
      // Whoever waits for the image hears of its failure there.
      image.then((told) => writeWhole(join(context.scratch, IMAGE_FILE), JSON.stringify([told]))).catch(() => {})
      const { said, log } = await run(['read-configuration', '--workspace-folder', folder, '--config', config, '--include-merged-configuration'], { context, withinMs: BUILD_MS + READ_MS, wrapper: readWrapper })
      if (said.mergedConfiguration === undefined) throw failure(said, { log, folder, known: null, otherwise: 'its configuration cannot be read' })
      return said.mergedConfiguration
    },
  }
}

/** Of the processor, where others want it too: a workspace that runs has twice as much. */
const BUILD_CPU_SHARES = 512
/**
 * The classic builder leaves the container of a failed step behind and gives a step all the memory and processor there is,
 * unless it is told; the CLI does not tell it. BuildKit takes these words and has no such limits.
 */
function buildWrapper(docker: string, { scratch, memoryBytes }: Wrapping): Promise<string> {
  const real = quoted(docker)
  return writeWrapper(join(scratch, 'docker'), `if [ "$1" = build ]; then\n  shift\n  exec ${real} build --force-rm --memory ${memoryBytes} --memory-swap ${memoryBytes} --cpu-shares ${BUILD_CPU_SHARES} "$@"\nfi\nexec ${real} "$@"\n`)
}

const IMAGE_FILE = 'image.json'
/** No container is of a directory that was made a moment ago; and the one image is told of when it is there. */
function readWrapper(docker: string, { scratch }: Wrapping): Promise<string> {
  const image = quoted(join(scratch, IMAGE_FILE))
  return writeWrapper(join(scratch, 'docker-read'), `case "$1" in\nps) exit 0 ;;\ninspect) while [ ! -e ${image} ]; do sleep 0.03; done; exec cat ${image} ;;\nesac\nexec ${quoted(docker)} "$@"\n`)
}

async function writeWhole(path: string, text: string): Promise<void> {
  const aside = `${path}.${process.pid}`
  await writeFile(aside, text)
  await rename(aside, path)
}

const quoted = (path: string): string => `'${path.replaceAll("'", `'\\''`)}'`
async function writeWrapper(path: string, script: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${script}`, { mode: 0o700 })
  return path
}

interface Answer { readonly outcome?: string; readonly message?: string; readonly description?: string; readonly mergedConfiguration?: Readonly<Record<string, unknown>> }

function answerIn(out: string): Answer {
  const line = out.trim().split('\n').at(-1) ?? ''
  try {
    return JSON.parse(line) as Answer
  } catch {
    return {}
  }
}

/** Its `description` names the step that failed, its `message` why; the paths in it are of our copy of the project. */
function failure({ message, description }: Answer, { log, folder, known, otherwise }: { log: string; folder: string; known: string | null; otherwise: string }): BuildFailed {
  if (known !== null) return new BuildFailed(known, log)
  const [why = otherwise] = plainLines((message || description || otherwise).replaceAll(`${folder}/`, ''))
  return new BuildFailed(why.slice(0, 300), log.includes(why) ? log : `${log}\n${why}`.trim())
}

/** What the engine said of the failing step; the CLI's own words only repeat the command. */
function lastWords(log: string): string | null {
  const lines = log.split('\n').map((line) => line.trim()).filter(Boolean)
  return lines.findLast((line) => /returned a non-zero code|not found|denied|ERROR:|failed to|unable to|ENOTFOUND|unknown instruction|parse error/i.test(line) && !/control manifest/.test(line))?.slice(0, 300) ?? null
}

function createKept(log: (line: string) => void): { take(line: string): void; text(): string } {
  const lines: string[] = []
  let size = 0
  let told = 0
  return {
    take(line) {
      lines.push(line)
      size += line.length + 1
      while (size > LOG_KEPT_BYTES && lines.length > 1) size -= (lines.shift()?.length ?? 0) + 1
      told++
      if (told <= LINES_TOLD) log(line.slice(0, LINE_SHOWN))
    },
    text: () => lines.join('\n'),
  }
}

/** JSON lines; of them what a person would read of a build. */
const followLog = (stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> => followLines(stream, (line) => { for (const text of wordsOf(line)) take(text) })
const followPlain = (stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> => followLines(stream, (line) => { for (const text of plainLines(line)) take(text) })

async function followLines(stream: ReadableStream<Uint8Array>, each: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = (lines.pop() ?? '').slice(0, LOG_KEPT_BYTES)
    for (const line of lines) each(line)
  }
  each(rest)
}

const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, 'g')
const plainLines = (text: string): string[] => text.replaceAll(COLOUR, '').split(/[\r\n]+/).map((one) => one.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ').trimEnd()).filter((one) => one !== '')
function wordsOf(line: string): string[] {
  try {
    const { type, level, text } = JSON.parse(line) as { type?: string; level?: number; text?: string }
    // `raw` is what the engine says; below level 3 the CLI tells what it looks at.
    const shown = typeof text === 'string' && (type === 'raw' || (type === 'text' && (level ?? 0) >= 3))
    return shown ? plainLines(text).filter((one) => !one.startsWith('[') && !/^@devcontainers\/cli|control manifest/.test(one)) : []
  } catch {
    return []
  }
}
