// How the grid is divided: by how many images there are, the shape most of them have, and how wide the grid is. It is
// always full: a picture that must not be higher leaves its ground to be seen, and no gap beside it.
const FEW = 4;
const COLUMN = 185; // px, of pictures that are square
const COLUMN_OF_MANY = 220; // px: of a list that scrolls, fewer are in sight at once
const SMALLEST = { 2: 185, 3: 185, 4: 240 }; // px: as wide a square picture has to be for so many in one row
const HALF_OF_TWO = 110; // px: less wide pictures stand below one another

const gridColumns = (grid) => {
  let ratios = []; // width by height, of each picture
  let usual = 1;

  // A wide picture has to be wider to be as large. `columns` of it in a row are so large:
  const size = (columns) => (grid.clientWidth - GAP * (columns - 1)) / columns / Math.sqrt(usual);

  function columnsOfFew(count) {
    if (count < 2 || size(count) >= SMALLEST[count]) return count || 1;
    return count > 2 && size(2) >= HALF_OF_TWO ? 2 : 1;
  }

  const column = (square) => Math.round(square * Math.min(Math.max(Math.sqrt(usual), 0.8), 2));

  // As few rows as there is room for, and all as long as the others, but for the last.
  function columnsOfMore(count) {
    const width = grid.clientWidth;
    const narrowest = Math.min(column(COLUMN), Math.max((width - GAP) / 2, 150));
    const most = Math.max(1, Math.floor((width + GAP) / (narrowest + GAP)));
    return Math.ceil(count / Math.ceil(count / most));
  }

  // In one row, the widths are as the shapes: then all pictures are equally high.
  function fit() {
    const count = ratios.length;
    if (count > MANY) {
      grid.dataset.rows = "more";
      grid.style.gridTemplateColumns = ""; // the sheet's, which the list that scrolls asks for
    }
    if (!grid.clientWidth || count > MANY) return; // in a tab that is hidden nothing has a width
    const columns = count > FEW ? columnsOfMore(count) : columnsOfFew(count);
    const inOneRow = count <= columns && columns <= FEW;
    grid.dataset.rows = inOneRow ? "one" : "more";
    grid.style.gridTemplateColumns = inOneRow && count > 1 ? ratios.map((ratio) => `minmax(120px, ${ratio.toFixed(4)}fr)`).join(" ")
      : `repeat(${columns}, minmax(0, 1fr))`;
  }

  function divide(shapes) {
    ratios = shapes;
    const sorted = [...ratios].sort((one, two) => one - two);
    usual = sorted[Math.floor(sorted.length / 2)] ?? 1;
    grid.dataset.count = ratios.length > FEW ? "many" : ratios.length;
    grid.style.setProperty("--igw-usual", usual.toFixed(4));
    grid.style.setProperty("--igw-column", `${column(COLUMN_OF_MANY)}px`);
    fit();
  }

  return { divide, fit };
};
