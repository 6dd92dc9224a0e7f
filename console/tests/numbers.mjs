// Says the numbers of a report of Vitest or Playwright as cargo's tests do, so that all tests can be added up.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const passed = report.numPassedTests ?? report.stats.expected;
// A test that passed at the second attempt did not hold, and one that was skipped proves nothing.
const failed =
  report.numTotalTests === undefined
    ? report.stats.unexpected + report.stats.flaky + report.stats.skipped
    : report.numTotalTests - passed;
console.log(
  `test result: ${failed || !passed ? 'FAILED' : 'ok'}. ${passed} passed; ${failed} failed; 0 ignored; 0 measured; 0 filtered out`,
);
process.exit(failed || !passed ? 1 : 0);
