export interface Deferred<T> { readonly promise: Promise<T>; resolve(value: T): void }
export function deferred<T>(): Deferred<T> {
  const { promise, resolve } = Promise.withResolvers<T>()
  return { promise, resolve }
}
