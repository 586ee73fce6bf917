// The scripts of the pages. `make check` runs it; see package.json.
import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/vendor/"] },
  js.configs.recommended,
  {
    files: ["frontend_assets/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: {
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": ["error", { destructuring: "all" }],
      "no-unused-vars": ["error", { varsIgnorePattern: "^_$", argsIgnorePattern: "^_$" }],
      // app/kit/linker.py leaves out comments by lines.
      "no-restricted-syntax": ["error", { selector: "TemplateElement[value.raw=/\\n/]", message: "A template is one line: app/kit/linker.py reads lines." }],
    },
  },
];
