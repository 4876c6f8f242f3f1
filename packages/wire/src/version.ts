/** The product's version, the same in every process of a release. */
export const VERSION = '0.1.0'
