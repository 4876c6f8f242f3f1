/** Where the bytes of saved states are kept: sealed before they get there, so that whoever keeps them reads nothing. */
export interface StateFiles {
  /** For people: `directory`, `s3 bucket at host`. */
  readonly place: string
  /** Replaces what is there, when the last byte is kept and not before. Rejects when the source breaks off. */
  put(name: string, source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void>
  /** Null: there is no such thing. */
  get(name: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array> | null>
  /** What is not there is removed. */
  remove(name: string): Promise<void>
  list(): Promise<readonly string[]>
  /** Of uploads that broke off before `before`. */
  tidy(before: number): Promise<void>
}
