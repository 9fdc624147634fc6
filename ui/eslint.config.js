/** Lint rules: strict TypeScript, the rules of hooks, and the walls between features. */
import tseslint from "typescript-eslint";
import reactHooks from "eslint-plugin-react-hooks";

const features = ["dossier", "search", "import", "session"];

/** A feature may use app, api, ui, viewer and i18n, never another feature (brief §10). */
const walls = features.map((feature) => ({
  files: [`src/features/${feature}/**`],
  rules: {
    "no-restricted-imports": ["error", { patterns: features.filter((other) => other !== feature).map((other) => ({ group: [`**/${other}/*`], message: "no imports across features" })) }],
  },
}));

export default tseslint.config(
  { ignores: ["dist", "node_modules", "src/api/schema.ts"] },
  ...tseslint.configs.strict,
  {
    files: ["src/**/*.{ts,tsx}"],
    plugins: { "react-hooks": reactHooks },
    rules: {
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      "no-eval": "error",
      "max-lines": ["error", { max: 400, skipComments: true }],
      "no-restricted-syntax": [
        "error",
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "no raw HTML" },
        { selector: "CallExpression[callee.name='fetch']", message: "only src/api talks to the server" },
        { selector: "JSXText[value=/[A-Za-z\\u0600-\\u06FF]{2}/]", message: "no text in code: use a catalogue key" },
      ],
    },
  },
  { files: ["src/api/**"], rules: { "no-restricted-syntax": "off" } },
  ...walls,
);
