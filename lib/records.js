// @ts-check
'use strict';

/** Records as callers get them, made from what the native side has decoded. */

/**
 * A string field, or a date as milliseconds or as a text that only JS can read.
 * @typedef {string | undefined} Text
 * @typedef {number | string | undefined} Time
 */

/**
 * Makes a process. The native side calls it with the known fields in the order of the file: one literal gives
 * all records one shape. Nested values come as JSON text; so does `rest`, with all other keys and with known
 * ones that hold something unexpected.
 * @param {Text} id
 * @param {Text} type
 * @param {Text} promptPreview
 * @param {Text} fullPrompt
 * @param {Text} status
 * @param {Time} startTime
 * @param {Time} endTime
 * @param {Text} error
 * @param {Text} result
 * @param {Text} resultFilePath
 * @param {Text} rawStdoutFilePath
 * @param {Text} metadata
 * @param {Text} groupMetadata
 * @param {Text} codeReviewMetadata
 * @param {Text} discoveryMetadata
 * @param {Text} codeReviewGroupMetadata
 * @param {Text} structuredResult
 * @param {Text} parentProcessId
 * @param {Text} sdkSessionId
 * @param {Text} backend
 * @param {Text} workingDirectory
 * @param {Text} conversationTurns
 * @param {Text} rest
 * @param {boolean} excludeToolCalls
 */
function makeProcess(
  id,
  type,
  promptPreview,
  fullPrompt,
  status,
  startTime,
  endTime,
  error,
  result,
  resultFilePath,
  rawStdoutFilePath,
  metadata,
  groupMetadata,
  codeReviewMetadata,
  discoveryMetadata,
  codeReviewGroupMetadata,
  structuredResult,
  parentProcessId,
  sdkSessionId,
  backend,
  workingDirectory,
  conversationTurns,
  rest,
  excludeToolCalls,
) {
  const process = {
    id,
    type: type === undefined ? 'clarification' : type,
    promptPreview,
    fullPrompt,
    status,
    startTime: startTime === undefined ? undefined : new Date(startTime),
    endTime: endTime === undefined ? undefined : new Date(endTime),
    error,
    result,
    resultFilePath,
    rawStdoutFilePath,
    metadata: metadata === undefined ? undefined : JSON.parse(metadata),
    groupMetadata: groupMetadata === undefined ? undefined : JSON.parse(groupMetadata),
    codeReviewMetadata: codeReviewMetadata === undefined ? undefined : JSON.parse(codeReviewMetadata),
    discoveryMetadata: discoveryMetadata === undefined ? undefined : JSON.parse(discoveryMetadata),
    codeReviewGroupMetadata:
      codeReviewGroupMetadata === undefined ? undefined : JSON.parse(codeReviewGroupMetadata),
    structuredResult,
    parentProcessId,
    sdkSessionId,
    backend,
    workingDirectory,
    conversationTurns:
      conversationTurns === undefined ? undefined : makeTurns(conversationTurns, excludeToolCalls),
  };
  if (rest !== undefined) addRest(process, JSON.parse(rest));
  return process;
}

/**
 * @param {string} json
 * @param {boolean} excludeToolCalls
 */
function makeTurns(json, excludeToolCalls) {
  const turns = JSON.parse(json);
  for (const turn of Array.isArray(turns) ? turns : []) {
    if (typeof turn !== 'object' || turn === null) continue;
    if (typeof turn.timestamp === 'string') turn.timestamp = new Date(turn.timestamp);
    if (excludeToolCalls) delete turn.toolCalls;
  }
  return turns;
}

/**
 * @param {Record<string, unknown>} process
 * @param {Record<string, unknown>} rest
 */
function addRest(process, rest) {
  for (const key of Object.keys(rest)) {
    // Assigning would set the prototype.
    if (key !== '__proto__') process[key] = rest[key];
    else
      Object.defineProperty(process, key, {
        value: rest[key],
        enumerable: true,
        configurable: true,
        writable: true,
      });
  }
}

module.exports = { makeProcess };
