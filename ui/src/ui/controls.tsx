/** Buttons, fields, menus, tabs, progress and chips: thin dress over React Aria. */
import { useId, type ReactNode } from "react";
import {
  Button as AriaButton, Checkbox as AriaCheckbox, FieldError, Input, Label, Menu, MenuItem, MenuTrigger, Popover, ProgressBar, SearchField, Tab, TabList, TabPanel, Tabs, Text,
  TextField, type ButtonProps as AriaButtonProps, type TextFieldProps,
} from "react-aria-components";
import { useI18n } from "../i18n";
import { Icon, type IconName } from "./Icon";
import styles from "./controls.module.css";
import { harmless } from "./harmless";

const join = (...names: (string | false | undefined)[]) => names.filter(Boolean).join(" ");

interface ButtonProps extends Omit<AriaButtonProps, "className" | "children"> {
  icon?: IconName;
  children?: ReactNode;
  look?: "plain" | "main" | "bare";
  large?: boolean;
  pressed?: boolean;
  /** The act is under way: further presses do nothing, focus stays. (React Aria's own `isPending` makes a live region of its own.) */
  busy?: boolean;
}

const ignore = () => {};

export function Button({ icon, children, look = "plain", large, pressed, busy = false, ...rest }: ButtonProps) {
  const className = join(styles["button"], look !== "plain" && styles[look], large && styles["large"], children === undefined && styles["square"]);
  return (
    <AriaButton {...rest} {...(busy ? { type: "button", onPress: ignore, "data-busy": "" } : {})} {...(pressed === undefined ? {} : { "aria-pressed": pressed })} className={className}>
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </AriaButton>
  );
}

/** A link that looks like a button, for downloads. */
export function ButtonLink({ href, icon, children, label }: { href: string; icon: IconName; children?: ReactNode; label?: string }) {
  return (
    <a className={join(styles["button"], children === undefined && styles["square"])} href={href} download="" aria-label={label} title={label}>
      <Icon name={icon} />
      {children}
    </a>
  );
}

interface FieldProps extends Omit<TextFieldProps, "className" | "children"> {
  label: string;
  hint?: string;
  fault?: string | undefined;
  autoComplete?: string;
  /** Content fields take the direction of what is typed. */
  content?: boolean;
}

/** What the browser finds wrong with what is typed, in the words of the catalogue. */
const foundBy = (t: (key: string) => string, found: ValidityState) =>
  found.valueMissing ? t("errors:violation.required") : found.tooShort ? t("errors:violation.too_short") : found.tooLong ? t("errors:violation.too_long") : undefined;

export function Field({ label, hint, fault, content, ...rest }: FieldProps) {
  const { t } = useI18n();
  return (
    <TextField {...rest} {...(fault !== undefined && { isInvalid: true })} className={styles["field"] ?? ""}>
      <Label className={styles["label"] ?? ""}>{label}</Label>
      {hint !== undefined && <Text slot="description" className={styles["hint"] ?? ""}>{hint}</Text>}
      <Input className={styles["input"] ?? ""} {...(content && rest.value !== "" ? { dir: "auto" } : {})} />
      <FieldError className={styles["fault"] ?? ""}>{({ validationDetails, defaultChildren }) => fault ?? foundBy(t, validationDetails) ?? defaultChildren}</FieldError>
    </TextField>
  );
}

interface SearchBoxProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  onSubmit?: (value: string) => void;
  inputRef?: React.Ref<HTMLInputElement>;
  className?: string | undefined;
}

/** A field that filters or finds, with its own way to empty it. */
export function SearchBox({ label, value, onChange, onSubmit, inputRef, className }: SearchBoxProps) {
  const { t } = useI18n();
  return (
    <SearchField aria-label={label} value={value} onChange={onChange} onSubmit={onSubmit} className={join(styles["searchBox"], className)}>
      <Input ref={inputRef} className={styles["input"] ?? ""} placeholder={label} dir={value === "" ? undefined : "auto"} />
      {value !== "" && (
        <AriaButton className={join(styles["button"], styles["bare"], styles["square"], styles["clear"])} aria-label={t("common:clear")}>
          <Icon name="close" size={12} />
        </AriaButton>
      )}
    </SearchField>
  );
}

export function Checkbox({ label, hint, selected, onChange }: { label: string; hint?: string; selected: boolean; onChange: (selected: boolean) => void }) {
  const id = useId();
  return (
    <div>
      <AriaCheckbox className={styles["checkbox"] ?? ""} isSelected={selected} onChange={onChange} {...(hint === undefined ? {} : { "aria-describedby": id })}>
        <span className={styles["box"]}>{selected && <Icon name="check" size={12} />}</span>
        {label}
      </AriaCheckbox>
      {hint !== undefined && <p id={id} className={styles["hint"]}>{hint}</p>}
    </div>
  );
}

export interface Choice {
  id: string;
  label: string;
  icon?: IconName;
}

interface MenuButtonProps {
  label: string;
  icon?: IconName;
  shown?: string;
  head?: ReactNode;
  choices: Choice[];
  selected?: string;
  onChoose: (id: string) => void;
}

/** A button that opens a menu: of acts, or of one choice among several. */
export function MenuButton({ label, icon, shown, head, choices, selected, onChoose }: MenuButtonProps) {
  return (
    <MenuTrigger>
      <Button {...(icon === undefined ? {} : { icon })} aria-label={shown === undefined ? label : `${label}: ${shown}`}>
        {shown !== undefined && <span className={icon === undefined ? undefined : styles["shown"]}>{shown}</span>}
        {shown !== undefined && <Icon name="down" size={12} />}
      </Button>
      <Popover className={styles["popover"] ?? ""} placement="bottom end">
        <div className={styles["menu"]} data-layer="">
          {head !== undefined && <div className={styles["menuHead"]}>{head}</div>}
          <Menu aria-label={label} onAction={(key) => onChoose(String(key))} {...(selected === undefined ? {} : { selectionMode: "single", selectedKeys: [selected], disallowEmptySelection: true })}>
            {choices.map((choice) => (
              <MenuItem key={choice.id} id={choice.id} className={styles["item"] ?? ""} textValue={choice.label}>
                {selected !== undefined && <span className={styles["tick"]}>{choice.id === selected && <Icon name="check" />}</span>}
                {choice.icon !== undefined && <Icon name={choice.icon} />}
                <span lang={choice.id.length === 2 ? choice.id : undefined}>{choice.label}</span>
              </MenuItem>
            ))}
          </Menu>
        </div>
      </Popover>
    </MenuTrigger>
  );
}

export interface PanelTab {
  id: string;
  label: string;
  render: () => ReactNode;
}

export function TabPanels({ label, tabs, selected, onSelect }: { label: string; tabs: PanelTab[]; selected: string; onSelect: (id: string) => void }) {
  return (
    <Tabs className={styles["tabs"] ?? ""} selectedKey={selected} onSelectionChange={(key) => onSelect(String(key))}>
      <TabList aria-label={label} className={styles["tabList"] ?? ""}>
        {tabs.map((tab) => <Tab key={tab.id} id={tab.id} className={styles["tab"] ?? ""}>{tab.label}</Tab>)}
      </TabList>
      {tabs.map((tab) => <TabPanel key={tab.id} id={tab.id} className={styles["tabPanel"] ?? ""}>{tab.render()}</TabPanel>)}
    </Tabs>
  );
}

/** A bar that is full at 1; what it means stands beside it in words. */
export function Progress({ label, share }: { label: string; share: number }) {
  const { format } = useI18n();
  return (
    <ProgressBar aria-label={label} value={share} maxValue={1} valueLabel={format.percent(share)} className={styles["progress"] ?? ""}>
      <div className={styles["track"]}>
        <div className={styles["fill"]} style={{ transform: `scaleX(${Math.min(1, Math.max(0, share))})` }} />
      </div>
    </ProgressBar>
  );
}

export function Chip({ tone, children }: { tone?: "soon" | "late" | "ok" | "calm"; children: ReactNode }) {
  return <span className={styles["chip"]} data-tone={tone}>{children}</span>;
}

/** A code, number, e-mail or file name: always left to right, apart from the sentence around it. */
export function Code({ children, plain }: { children: ReactNode; plain?: boolean }) {
  return <bdi dir="ltr" className={plain === true ? undefined : "mono"}>{typeof children === "string" ? harmless(children) : children}</bdi>;
}
