/** Reads the machine's boot file. */
import { readFileSync } from 'node:fs'
import { BerthError } from '@berth/wire/error'
import { BootFile } from '@berth/wire/daemon'

export function readBoot(path: string): BootFile {
  try {
    return BootFile.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new BerthError('config_invalid', `the boot file ${path} cannot be read`, { cause, hint: 'the provider writes it before it starts the daemon' })
  }
}
