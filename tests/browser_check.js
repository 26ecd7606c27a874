// In a page that holds others in frames: the document's title becomes what a browser makes of each, as JSON.
addEventListener("load", () => {
    // A line that is known: without it in the browser's log, no line of a page would be seen either.
    console.error("this line is the test's own");
    const look = (frame) => {
        const view = frame.contentWindow, page = frame.contentDocument;
        const wide = [...page.querySelectorAll("body *")].filter((element) => {
            const box = element.getBoundingClientRect();
            return box.right > view.innerWidth + 0.5 && !element.closest(".scroll, pre, svg");
        });
        return {
            page: frame.title,
            width: view.innerWidth,
            dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
            background: view.getComputedStyle(page.body).backgroundColor,
            scroll: page.documentElement.scrollWidth,
            wide: wide.slice(0, 3).map((element) => element.outerHTML.slice(0, 120)),
            broken: [...page.images].filter((image) => image.naturalWidth === 0).length,
            images: page.images.length,
            charts: page.querySelectorAll("svg").length,
            headings: [...page.querySelectorAll("h1, h2, h3")].map((heading) => Number(heading.tagName[1])),
            loaded: view.performance.getEntriesByType("resource").map((entry) => entry.name.slice(0, 80)),
        };
    };
    document.title = JSON.stringify([...document.querySelectorAll("iframe")].map(look));
});
