// Package packaging holds what turns gordon into packages. Its tests hold the
// parts against the code that they speak of, so that none of them drifts: the
// manual pages, the message catalog, the units and the copyright file.
package packaging
