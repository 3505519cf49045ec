"""The console (控制台): pages a window clerk, a coordinator, an operator or an auditor reads in a browser.

Owns templates, words, styles and the browser session. Reads through `source.ConsoleSource` only; it decides nothing and never
appends to a demand. The pages work without scripts; htmx only keeps them fresh.
Own small style sheet instead of Tabler, and no ECharts: there is nothing to chart before statistics exist, and Tabler needs
`style-src 'unsafe-inline'`, which the strict content security policy refuses.
"""
