// The camera of this page's scenes, for whoever carries it to other browsers (room/). A page without scenes has none; scene/camera.js gives it one.

/** @typedef {{ view: string, at: number[] }} Seen the kind of view (flat or solid); eye, center and up, three numbers each */

/** @type {{ get: () => Seen | null, set: (camera: Seen | null) => void }} */
export const pageCamera = { get: () => null, set: () => {} };
