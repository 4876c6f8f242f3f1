/** A verb as a value: its words for people, its options, how argv becomes its input, and what it does. */
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { BerthError } from '@berth/wire/error'
import type { Context } from './context.ts'

export interface Option {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly multiple?: boolean
  /** What stands for the value in the help: `<branch>`. */
  readonly value?: string
  readonly help: string
}
export type Options = Readonly<Record<string, Option>>
type Value<O extends Option> = O['type'] extends 'boolean' ? boolean : O extends { multiple: true } ? string[] : string
export type Values<O extends Options> = { readonly [K in keyof O]?: Value<O[K]> }

export interface CommandSpec<O extends Options, I> {
  readonly name: string
  readonly aliases?: readonly string[]
  readonly summary: string
  /** The positional arguments as the help shows them: `<id> [text]`. */
  readonly arguments?: string
  readonly options?: O
  readonly examples: readonly string[]
  /** Where the help says what does not fit one line. */
  readonly notes?: string
  /** Options end with the first word that is none: what follows belongs to another program. */
  readonly restIsTheirs?: boolean
  parse(argv: { readonly values: Values<O>; readonly positionals: readonly string[] }): I
  run(context: Context, input: I): Promise<void>
}

export interface Command {
  readonly name: string
  readonly aliases: readonly string[]
  readonly summary: string
  readonly arguments: string
  readonly options: Options
  readonly examples: readonly string[]
  readonly notes: string | undefined
  /** Parses now and runs when called, so that a wrong argument costs nothing. */
  prepare(argv: readonly string[]): { readonly json: boolean; readonly help: boolean; run(context: Context): Promise<void> }
}

const COMMON = {
  json: { type: 'boolean', help: 'print the result as JSON' },
  help: { type: 'boolean', short: 'h', help: 'show this help' },
} as const satisfies Options

export function command<const O extends Options, I>(spec: CommandSpec<O, I>): Command {
  const options: Options = { ...spec.options, ...COMMON }
  return {
    name: spec.name,
    aliases: spec.aliases ?? [],
    summary: spec.summary,
    arguments: spec.arguments ?? '',
    options,
    examples: spec.examples,
    notes: spec.notes,
    prepare(argv) {
      const ours = spec.restIsTheirs === true ? firstPlainWord(argv) : argv.length
      const { values, positionals: known } = split(spec.name, options, argv.slice(0, ours))
      const positionals = [...known, ...argv.slice(ours)]
      const json = values['json'] === true
      if (values['help'] === true) return { json, help: true, run: async () => undefined }
      // `split` checked every value against the same table that `Values<O>` is made from.
      const input = withHint(spec.name, () => spec.parse({ values: values as Values<O>, positionals }))
      return { json, help: false, run: (context) => spec.run(context, input) }
    },
  }
}

function firstPlainWord(argv: readonly string[]): number {
  const at = argv.findIndex((word) => !word.startsWith('-'))
  return at < 0 ? argv.length : at
}

function split(name: string, options: Options, argv: readonly string[]): { values: Record<string, unknown>; positionals: string[] } {
  const config: ParseArgsConfig['options'] = {}
  for (const [key, { type, short, multiple }] of Object.entries(options)) config[key] = { type, ...(short ? { short } : {}), ...(multiple ? { multiple } : {}) }
  try {
    return parseArgs({ args: [...argv], options: config, allowPositionals: true, strict: true })
  } catch (cause) {
    const said = cause instanceof Error ? (cause.message.split(/\.(?:\s|$)/)[0] ?? '') : ''
    throw new BerthError('bad_request', said.charAt(0).toLowerCase() + said.slice(1), { hint: `see \`berth ${name} --help\``, cause })
  }
}

/** Whoever asked wrongly is told where the right words are, if nothing better is known. */
function withHint<I>(name: string, parse: () => I): I {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof BerthError) || error.hint !== undefined) throw error
    throw new BerthError(error.code, error.message, { hint: `see \`berth ${name} --help\``, cause: error })
  }
}

/** The one positional a verb needs. */
export function one(positionals: readonly string[], what: string, name: string): string {
  const [value, ...more] = positionals
  if (value === undefined || value === '') throw new BerthError('bad_request', `which ${what}?`, { hint: `berth ${name} <${what}>; see \`berth ${name} --help\`` })
  if (more.length > 0) throw new BerthError('bad_request', `one ${what} at a time; "${more[0]}" is too much`, { hint: `see \`berth ${name} --help\`` })
  return value
}

export function none(positionals: readonly string[], name: string): void {
  atMost(0, positionals, name)
}

export function atMost(count: number, positionals: readonly string[], name: string): void {
  if (positionals.length > count) throw new BerthError('bad_request', `"${positionals[count]}" is not expected here`, { hint: `see \`berth ${name} --help\`` })
}

export function integer(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new BerthError('bad_request', `--${option} takes a whole number, not "${text}"`)
  return Number(text)
}
