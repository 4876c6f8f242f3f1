/** What tests of first instructions tell a machine. */
import { randomIds } from '@berth/wire'
import type { BootFile } from '@berth/wire/daemon'
import { remoteBoot } from '../remote-boot.ts'

export const LIMIT = { limitBytes: 64 * 1024 }
export const LINK = { unixSocket: null, loopbackUrl: null, publicUrl: 'https://berth.example.org' }
export const TOOLBOX = { hostDir: '/nonexistent', hash: 'a1b2c3d4e5f60718' }
const OWNER = { installation: 'ins_0', workspaceId: randomIds.workspace(), generation: 1 }

export const bootOf = (): BootFile => remoteBoot(OWNER, { boot: { bootToken: 'once', link: LINK, toolbox: TOOLBOX } }, { isolation: 'vm', what: 'a machine' })
