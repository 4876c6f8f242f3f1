/**
 * The daemon protocol's version. Changes are additive: a server accepts every daemon from MINIMUM on,
 * and both sides ignore fields and events they do not know. One dated line for each number.
 *
 *  1: 2026-11-21: first version.
 */
export const PROTOCOL_VERSION = 1
export const MINIMUM_PROTOCOL_VERSION = 1
