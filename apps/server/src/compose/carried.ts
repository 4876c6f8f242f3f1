/** What a released binary carries, because it has no source, no packages and no bundler beside it. From source: absent. */
import type { ToolboxOptions } from '@berth/toolbox'
import type { WebAssets } from '@berth/web/assets'

export interface Carried {
  /** Unpacks PostgreSQL's programs below that directory, unless they are there already, and says where they are. */
  postgres(below: string): Promise<string>
  /** Directory with the migrations, as drizzle reads it. */
  readonly migrations: string
  readonly daemon: NonNullable<ToolboxOptions['embedded']>
  webAssets(): Promise<WebAssets>
}
