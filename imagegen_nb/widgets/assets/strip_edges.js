// Where the row of the history goes on: it fades there, and leads to the run that is shown.
const FADE = 40; // px, as in the style

const stripEdges = (list) => {
  const show = () => {
    list.classList.toggle("igw-more-before", list.scrollLeft > 1);
    list.classList.toggle("igw-more-after", list.scrollLeft + list.clientWidth < list.scrollWidth - 1);
  };

  // Only where none of the run's images is in sight: nothing moves below a pointer that chose one of them.
  const lead = () => {
    const { left, right } = list.getBoundingClientRect();
    const boxes = [...list.querySelectorAll("[aria-current]")].map((item) => item.getBoundingClientRect());
    const inSight = boxes.some((box) => box.right > left + FADE && box.left < right - FADE);
    if (boxes.length && !inSight) list.scrollLeft += boxes[0].left - left - FADE;
  };

  return { show, lead };
};
