/** Variables of a machine's processes, as people give them. */
import { z } from 'zod'
import { isProductsVariable, PRODUCTS_VARIABLE } from './secret-places.ts'

/** Systems end a value there, and whoever starts a program with it refuses it by showing it. */
export const endsNowhere = (value: string): boolean => !value.includes('\0')
export const NO_VARIABLE = 'no variable can hold a NUL byte: make it a file of the workspace'

export const Variables = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(64 * 1024).refine(endsNowhere, NO_VARIABLE))
  .refine((given) => !Object.keys(given).some(isProductsVariable), PRODUCTS_VARIABLE)
