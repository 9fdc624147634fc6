/** Starts the application: preferences, texts, keys, then the router. */
import "./styles/fonts.css";
import "./styles/tokens.css";
import "./styles/base.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { I18nProvider } from "react-aria-components";
import { createRoot } from "react-dom/client";
import { startHotkeys } from "./app/hotkeys";
import { preferences, startPreferences } from "./app/preferences";
import { queryClient, startSignals } from "./app/query";
import { router } from "./app/router";
import { startI18n, useI18n } from "./i18n";

function Application() {
  const { language } = useI18n();
  return (
    <I18nProvider locale={language.locale}>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </I18nProvider>
  );
}

startPreferences();
startSignals();
startHotkeys();
await startI18n(preferences.get().language);

const place = document.getElementById("root");
if (place !== null) {
  createRoot(place).render(
    <StrictMode>
      <Application />
    </StrictMode>,
  );
}
