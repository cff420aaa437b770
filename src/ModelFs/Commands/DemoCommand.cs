using System.CommandLine;

namespace ModelFs.Commands;

internal static class DemoCommand
{
    public static Command Create() => new Verb("demo", "x", "modelfs demo");
}
