/** Random histories of requests, against a model so simple that it is plainly right. */
package io.metrology.model;
