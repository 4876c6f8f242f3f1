/**
 * The daemon protocol's version. Changes are additive: a server accepts every daemon from MINIMUM on,
 * and both sides ignore fields and events they do not know. One dated line for each number.
 *
 *  1: 2026-11-21: first version.
 *  2: 2026-11-23: either side may send a payload of the mux apart from its head, to a peer that is of this version or later.
 */
export const PROTOCOL_VERSION = 2
export const MINIMUM_PROTOCOL_VERSION = 1
export const PAYLOADS_APART_SINCE = 2
