/**
 * A name as it can be shown. Files keep the names that they come with: what turns the direction in one would make `gpj.exe`
 * read `exe.jpg` and, closing what keeps a name apart, move the words around it; a line break would make two lines of it.
 * Each such character is shown as a sign, so that it is seen. Marks that Arabic and Hebrew names need stay.
 */
const misleading = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

export const harmless = (text: string): string => text.replace(misleading, "\ufffd");
